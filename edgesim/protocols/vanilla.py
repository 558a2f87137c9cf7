"""Split learning between one client and one server."""

from edgesim.protocols.base import Process, Protocol, split_step
from edgesim.sim.world import Client, World


class Vanilla(Protocol):
    """Vanilla split learning: one client and one server, one mini-batch after the other (compression.md 4.1).

    Labels are shared with the server; the client half is taken as preinstalled, so no model is sent.
    """

    def step(self, world: World, client: Client) -> Process:
        client.account.begin(world.ledger.now)
        loss = yield from split_step(client, world.server)
        world.finish_step(client, loss)

    def run(self, world: World) -> Process:
        [client] = world.clients
        while world.affords(client, self.step):
            yield from self.step(world, client)
