"""Split learning between one client and one server (compression.md 4.1)."""

from typing import ClassVar

from edgesim.protocols.base import Process, Protocol, one_step
from edgesim.sim.world import World


class Vanilla(Protocol):
    """Vanilla split learning: one client and one server, one mini-batch after the other.

    Labels are shared with the server; the client half is taken as preinstalled, so no model is sent.
    """

    steady: ClassVar[bool] = True
    alone: ClassVar[bool] = True

    def unit(self, world: World) -> Process:
        yield from world.each(world.clients, lambda client: one_step(world, client))
