"""What both ends of every link must have before the first step: keys, bases."""

from typing import ClassVar

from edgesim.sim.link import Link
from edgesim.sim.world import Client, Process, World
from edgesim.wire import Field, Manifest


class OneOff:
    """Every client and the server tell each other once what their codecs need besides messages; role `model`.

    It takes time, energy and bits on the wire; the published ledgers charge nothing for it.

    up_bits, down_bits  what a client tells the server, and the server a client
    """

    steady: ClassVar[bool] = False

    def __init__(self, up_bits: int, down_bits: int) -> None:
        self._up, self._down = _message(up_bits), _message(down_bits)

    def unit(self, world: World) -> Process:
        """All clients at the same time."""
        yield from world.together(self._tell(world, client) for client in world.clients)

    def _tell(self, world: World, client: Client) -> Process:
        each: tuple[tuple[Link, Manifest], ...] = ((client.uplink, self._up), (client.downlink, self._down))
        for link, message in each:
            if message.bits:
                yield from link.send("one-off", message, client.account)
        client.joules = client.device.meter.joules_until(world.ledger.now)  # no step's own


def _message(bits: int) -> Manifest:
    return Manifest((Field("one-off", (bits,), 1, "model"),))
