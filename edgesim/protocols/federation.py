"""What federated protocols share: a round gives the common client model out, collects it again and averages it."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from edgesim.protocols.base import Process
from edgesim.sim.hazards import LATE, Lost
from edgesim.sim.world import Client, World


@dataclass(frozen=True, slots=True)
class Rounds:
    """How a round goes.

    local_epochs  passes over its own data in a client's turn; local_steps: steps in a turn instead
    reset         optimisers forget everything at the beginning of a round
    weighted      averages weigh clients by their samples, not equally
    participants  clients in a round; None: the fraction
    deadline_s    for the clients' turns, from the beginning of the round [s]; None: none
    keeps         late clients go on, and join the average of the round in which their half arrives
    cycle         participants follow each other by number from round to round; else they are drawn
    """

    local_epochs: int
    local_steps: int | None
    reset: bool
    weighted: bool
    participants: int | None
    fraction: float
    deadline_s: float | None = None
    keeps: bool = False
    cycle: bool = False

    def clients(self, world: World) -> list[Client]:
        """Who takes part in the present round."""
        return world.chosen(self.participants, self.fraction, cycle=self.cycle)

    def run(
        self, world: World, clients: Sequence[Client], step: Callable[[World, Client], Process], *, split: bool = True
    ) -> Process:
        """One round: give the model out, let everyone train at the same time, collect, average what has arrived.

        split  a step is one of split learning; else clients train alone

        Gives the clients whose halves are in the average, and how many failed and were late.
        """
        if world.model is None:
            world.model = world.clients[0].half.weights()
        until = math.inf if self.deadline_s is None else world.ledger.now + self.deadline_s
        express = world.express if self.deadline_s is None else None
        turns = express.turns(clients, [self._steps(client) for client in clients], split=split) if express else None
        if turns is None:
            turns = world.each(clients, lambda one: self._turn(world, one, step), until=until, keeps=self.keeps)
        results = yield from turns
        arrived = {client.number: result for client, result in zip(clients, results, strict=True)} | world.presence.arrived()
        done = {number: result for number, result in sorted(arrived.items()) if not isinstance(result, Lost)}
        joined = [world.clients[number] for number in done]
        if joined:
            world.model = yield from world.averaged(list(done.values()), joined, self.weighted)
        return joined, *fates(results)

    def _steps(self, client: Client) -> int:
        """How many a client takes in its turn."""
        return self.local_epochs * client.steps_per_epoch if self.local_steps is None else self.local_steps

    def _turn(self, world: World, client: Client, step: Callable[[World, Client], Process]) -> Process:
        """A client's part. Gives its half as it arrives at the server."""
        yield from received(world, client)
        if self.reset:
            client.half.reset()
        for _ in range(self._steps(client)):
            yield from step(world, client)
        message = yield from collected(client)
        return message


def fates(results: Sequence[Any]) -> tuple[int, int]:
    """How much work failed, and how much was not done at the deadline."""
    lost = [result for result in results if isinstance(result, Lost)]
    late = sum(one.kind == LATE for one in lost)
    return len(lost) - late, late


def broadcast(world: World, clients: Iterable[Client]) -> Process:
    """The common model goes to all of these."""
    yield from world.each(list(clients), lambda client: received(world, client))


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
    """All of these send their halves up and get the average by samples back; who is gone keeps its own."""
    results = yield from world.each(clients, collected)
    arrived = [(client, message) for client, message in zip(clients, results, strict=True) if not isinstance(message, Lost)]
    if not arrived:
        return
    joined, messages = zip(*arrived, strict=True)
    world.model = yield from world.averaged(messages, joined, weighted=True)
    yield from broadcast(world, clients)
