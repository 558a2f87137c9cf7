"""The interface of a training protocol: a process in simulated time."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal

from edgesim.sim.world import Client, Process, Server, World
from edgesim.work import ServerHalf

Halves = Literal["split", "whole", "ushaped"]

__all__ = ["Halves", "Process", "Protocol", "one_step", "split_step"]


class Protocol(ABC):
    """Who trains with whom, when. Abstract: one final subclass a file; keyword-only parameters are its knobs.

    halves  what a client holds: the layers before the cut; the `whole` model; or, `ushaped`, the head and the labels too
    steady  every unit costs the same bits and steps
    alone   for exactly one client
    merge   merged samples over samples where what arrives together is merged first; None: it is not
    """

    halves: ClassVar[Halves] = "split"
    steady: ClassVar[bool] = False
    alone: ClassVar[bool] = False
    merge: float | None = None

    @abstractmethod
    def unit(self, world: World) -> Process:
        """What is begun only if all of it fits the budget: a step, or a round. Nothing is under way when it ends."""

    def deployed(self, world: World) -> Sequence[Client]:
        """The clients whose halves make up the trained model as it stands; none where it is `world.model`."""
        return () if world.model is not None else world.clients


def split_step(client: Client, server: Server, half: ServerHalf) -> Process:
    """One step of split learning: one line per arrow of the figure (compression.md 1.2). Gives the loss."""
    account = client.account
    smashed = yield from client.device.run("forward", client.half.forward, account)
    sent = yield from client.device.run("encode", lambda: client.encode(smashed), account)
    arrived = yield from client.uplink.send("smashed", sent, account)
    answer = yield from server.device.run("server", lambda: half.step([arrived], [client.number]), account)
    gradient = yield from client.downlink.send("gradient", answer.gradients[0], account)
    yield from client.device.run("backward", lambda: client.half.backward(gradient), account)
    return answer.loss


def one_step(world: World, client: Client, half: ServerHalf | None = None) -> Process:
    """One step of split learning from beginning to booking, with the server's half or a copy of it."""
    client.account.begin(world.ledger.now)
    loss = yield from split_step(client, world.server, half or world.server.half)
    world.finish_step(client, loss)
