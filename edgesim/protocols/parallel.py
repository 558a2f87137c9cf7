"""Split learning with many clients at the same time and one server step for all."""

import math
from collections.abc import Sequence
from typing import Annotated, Any

from edgesim.protocols.base import Process, Protocol
from edgesim.protocols.federation import fates, synchronised
from edgesim.sim.hazards import Lost
from edgesim.sim.world import Client, World
from edgesim.work import Message


class Parallel(Protocol):
    """Parallel split learning: the batches of all clients make one batch of the server's.

    In every step each participant sends a mini-batch, the server goes forward and back on the mean loss over all of them,
    updates once, and returns to each its slice of the gradient, which is 1/N of what it would be alone; clients update their
    own halves (compression.md 4.5). Client halves drift apart unless they are averaged every now and then, weighted by their
    samples, through the links.

    sync_every    steps between two averagings of the client halves; left out, there is none
    merge         the access point merges samples of all clients whose attention is alike, to this share of them; needs the
                  uplink codec adc_tokens
    participants  clients in a step; left out, the fraction
    fraction      of the clients that take part in a step
    deadline_s    for what clients send up, from the beginning of a step: who is late is cut short; left out, all are waited
                  for [s]
    """

    def __init__(
        self,
        *,
        sync_every: Annotated[int, "[1, inf)"] | None = None,
        merge: Annotated[float, "(0, 1]"] | None = None,
        participants: Annotated[int, "[1, inf)"] | None = None,
        fraction: Annotated[float, "(0, 1]"] = 1.0,
        deadline_s: Annotated[float, "(0, inf)"] | None = None,
    ) -> None:
        self._deadline_s = deadline_s
        self._sync_every = sync_every
        self.merge = merge
        self._participants, self._fraction = participants, fraction

    def unit(self, world: World) -> Process:
        """One server step; where it is due, the averaging after it."""
        began = world.ledger.now
        clients = world.chosen(self._participants, self._fraction)
        at_once = world.express.together(clients) if world.express and self._deadline_s is None else None
        results = yield from at_once or self._step(world, clients, began)
        world.model = None
        if self._sync_every and (world.rounds + 1) % self._sync_every == 0:
            yield from synchronised(world, world.clients)
        world.finish_round(began, clients, *fates(results))

    def _step(self, world: World, clients: Sequence[Client], began: float) -> Process:
        """There and back. Gives what became of each client."""
        until = math.inf if self._deadline_s is None else began + self._deadline_s
        results = yield from world.each(clients, lambda client: _up(world, client), until=until)
        arrivals = [(one, *result) for one, result in zip(clients, results, strict=True) if not isinstance(result, Lost)]
        if arrivals:
            results += yield from _answered(world, arrivals, began)
        return results


def _answered(world: World, arrivals: Sequence[tuple[Client, Message, float]], began: float) -> Process:
    """One step of the server for all that arrived, and the way back. Gives nothing, or `Lost`, for each of them."""
    full, half = world.ledger.now, world.server.half
    clients, messages, times = zip(*arrivals, strict=True)
    senders = [client.number for client in clients]
    answer = yield from world.server.device.run("server", lambda: half.step(list(messages), senders))
    for client, arrived in zip(clients, times, strict=True):
        client.account.add("wait", full - arrived)
        client.account.add("server", world.ledger.now - full)
    gradients = dict(zip(senders, answer.gradients, strict=True))
    return (
        yield from world.each(clients, lambda client: _down(world, client, gradients[client.number], answer.loss), since=began)
    )


def _up(world: World, client: Client) -> Process:
    """A client's way to the server. Gives what arrived, and when."""
    account = client.account
    account.begin(world.ledger.now)
    smashed = yield from client.device.run("forward", client.half.forward, account)
    sent = yield from client.device.run("encode", lambda: client.encode(smashed), account)
    arrived = yield from client.uplink.send("smashed", sent, account)
    return arrived, world.ledger.now


def _down(world: World, client: Client, gradient: Message, loss: Any) -> Process:
    """Its way back."""
    received = yield from client.downlink.send("gradient", gradient, client.account)
    yield from client.device.run("backward", lambda: client.half.backward(received), client.account)
    world.finish_step(client, loss)
