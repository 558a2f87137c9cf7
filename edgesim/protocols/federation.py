"""What federated protocols share: a round gives the common client model out, collects it again and averages it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from edgesim.protocols.base import Process
from edgesim.sim.world import Client, World


@dataclass(frozen=True, slots=True)
class Rounds:
    """How a round goes.

    local_epochs  passes over its own data in a client's turn; local_steps: steps in a turn instead
    reset         optimisers forget everything at the beginning of a round
    weighted      averages weigh clients by their samples, not equally
    participants  clients in a round; None: the fraction
    """

    local_epochs: int
    local_steps: int | None
    reset: bool
    weighted: bool
    participants: int | None
    fraction: float

    def clients(self, world: World) -> list[Client]:
        """Who takes part in the present round."""
        return world.chosen(self.participants, self.fraction)

    def run(self, world: World, step: Callable[[World, Client], Process]) -> Process:
        """One round: give the model out, let everyone train at the same time, collect, average."""
        if world.model is None:
            world.model = world.clients[0].half.weights()
        clients = self.clients(world)
        messages = yield from world.together(self._turn(world, client, step) for client in clients)
        world.model = yield from world.averaged(messages, clients, self.weighted)

    def _turn(self, world: World, client: Client, step: Callable[[World, Client], Process]) -> Process:
        """A client's part. Gives its half as it arrives at the server."""
        yield from received(world, client)
        if self.reset:
            client.half.reset()
        taken = self.local_epochs * client.steps_per_epoch if self.local_steps is None else self.local_steps
        for _ in range(taken):
            yield from step(world, client)
        message = yield from collected(client)
        return message


def broadcast(world: World, clients: Iterable[Client]) -> Process:
    """The common model goes to all of these."""
    yield from world.together(received(world, client) for client in clients)


def received(world: World, client: Client) -> Process:
    """A client takes the common model over."""
    assert world.model is not None
    message = yield from client.downlink.send("model", world.model, client.account)
    client.half.load(message)


def collected(client: Client) -> Process:
    """A client's half goes up. Gives it as it arrives."""
    message = yield from client.uplink.send("model", client.half.weights(), client.account)
    return message


def synchronised(world: World, clients: Sequence[Client]) -> Process:
    """All of these send their halves up and get the average by samples back."""
    messages = yield from world.together(collected(client) for client in clients)
    world.model = yield from world.averaged(messages, clients, weighted=True)
    yield from broadcast(world, clients)
