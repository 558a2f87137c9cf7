"""Split learning in which the labels never leave the client."""

from typing import ClassVar, cast

from edgesim.protocols.base import Halves, Process, Protocol
from edgesim.sim.world import Client, World
from edgesim.work import UClientHalf, UServerHalf


class UShaped(Protocol):
    """U-shaped split learning: one client keeps the first layers, the head and the labels; the server what lies between.

    A step crosses the air four times: activations up, features of the class token down, their gradient up, the gradient of
    the activations down (compression.md 4.1; Vepakomma et al., Split Learning for Health, 2018). The links' codecs compress
    the first and the last; features and their gradient travel as they are, a row of the model's width for each row that the
    server works on.
    """

    halves: ClassVar[Halves] = "ushaped"
    steady: ClassVar[bool] = True
    alone: ClassVar[bool] = True

    def unit(self, world: World) -> Process:
        yield from world.each(world.clients, lambda client: self._step(world, client))

    def _step(self, world: World, client: Client) -> Process:
        server = world.server
        account, mine, theirs = client.account, cast(UClientHalf, client.half), cast(UServerHalf, server.half)
        account.begin(world.ledger.now)
        smashed = yield from client.device.run("forward", mine.forward, account)
        sent = yield from client.device.run("encode", lambda: client.encode(smashed), account)
        arrived = yield from client.uplink.send("smashed", sent, account)
        features = yield from server.device.run("server", lambda: theirs.features(arrived), account)
        received = yield from client.downlink.send("features", features, account)
        answer, loss = yield from client.device.run("forward", lambda: mine.lead(received), account)
        led = yield from client.uplink.send("feature_gradient", answer, account)
        back = yield from server.device.run("server", lambda: theirs.finish(led), account)
        gradient = yield from client.downlink.send("gradient", back, account)
        yield from client.device.run("backward", lambda: mine.backward(gradient), account)
        world.finish_step(client, loss)
