"""A simulated world: clients, links, a server, one clock, one book, one budget."""

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import simpy

from edgesim.errors import RunError
from edgesim.rng import seed as seed_of
from edgesim.rows import Round, Step
from edgesim.sim.account import NOTHING, Account
from edgesim.sim.budget import Budget, Spent
from edgesim.sim.device import Device
from edgesim.sim.express import Express
from edgesim.sim.hazards import Hazards
from edgesim.sim.ledger import Ledger
from edgesim.sim.link import Link
from edgesim.sim.pilot import Outlook, Pilot
from edgesim.sim.presence import Presence
from edgesim.work import ClientHalf, Message, ServerHalf, Work

Process = Generator[simpy.Event, Any, Any]
PATIENCE = 2000  # units without a step, after which there will never be one
Average = Callable[[Sequence[Message], Sequence[float]], Work]


@dataclass(slots=True)
class Client:
    """A client: its device, its links, its half of the model.

    samples  training samples it holds; steps_per_epoch: whole mini-batches they make
    """

    device: Device
    uplink: Link
    downlink: Link
    half: ClientHalf
    account: Account
    samples: int = 1
    steps_per_epoch: int = 1
    joules: float = 0.0  # drawn by its device until the end of its latest step [J]
    steps: int = 0
    pilot: Pilot | None = None  # chooses the size of its messages, where its codec comes in several

    def encode(self, smashed: Any) -> Work:
        """Its half compresses, to the size that its pilot finds right at this instant."""
        return self.half.encode(smashed) if self.pilot is None else self.half.encode(smashed, self.pilot.choose())

    @property
    def number(self) -> int:
        return self.account.client


@dataclass(slots=True)
class Server:
    """The server: its device, its half of the model, and copies of that half where a protocol keeps one for each client."""

    device: Device
    half: ServerHalf
    replicas: dict[int, ServerHalf] = field(default_factory=dict)

    def replica(self, client: int) -> ServerHalf:
        """The copy that serves this client; made when first asked for."""
        if client not in self.replicas:
            self.replicas[client] = self.half.replica()
        return self.replicas[client]


class Unit(Protocol):
    """What is begun only if all of it fits the budget: a step, or a round. A protocol is one."""

    @property
    def steady(self) -> bool:
        """Whether it costs the same bits and steps every time."""

    def unit(self, world: "World") -> Process:
        """Do it once."""


class World:
    """Everything a protocol moves.

    seed       of the run; choices among clients are functions of it and of the round
    average    the weighted mean of model messages
    rehearsal  the same world with phantom halves on a scratch clock, or None in a rehearsal itself: a unit is rehearsed
               before it is begun, so that no limit is ever exceeded
    cursor     whole numbers that a protocol remembers from unit to unit, such as whose turn it is
    model      the client model that is common to all, where a protocol has one: as a message
    watch      called with every finished step and the step's loss, or, a `Watcher`, with many steps at once; hear_round with
               every finished round
    presence   which clients are there, and what becomes of their work when one goes
    express    does units at once where nobody has tensors and nothing can come in between
    """

    def __init__(
        self,
        ledger: Ledger,
        clients: list[Client],
        server: Server,
        budget: Budget,
        *,
        seed: int = 0,
        average: Average | None = None,
        rehearsal: "World | None" = None,
        hazards: Hazards | None = None,
        timing_only: bool = False,
    ) -> None:
        self.ledger = ledger
        self.clients = clients
        self.server = server
        self.budget = budget
        self.seed = seed
        self.average = average
        self.rehearsal = rehearsal
        self.steps = 0
        self.rounds = 0
        self.cursor: dict[str, int] = {}
        self.model: Message | None = None
        self.stopped_by: str | None = None
        self.watch: Callable[[Step, Any], None] | None = None
        self.hear_round: Callable[[Round], None] | None = None
        self.presence = Presence(ledger, [client.device for client in clients], hazards)
        self.together, self.each = self.presence.together, self.presence.each  # work of several clients
        if hazards is not None:
            server.device.down = hazards.restarts
        self.express = Express(self) if timing_only else None
        self._fruitless = 0  # units in a row in which no step was finished
        self._unit_cost: Spent | None = None
        self._before = Spent()  # a rehearsal: what had been spent when it began
        self._adapts = False
        for client in clients:
            if client.pilot is not None:
                client.pilot.look, self._adapts = self.outlook, True

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which all clients together see their data once."""
        return sum(client.steps_per_epoch for client in self.clients)

    @property
    def spent(self) -> Spent:
        """Totals until now."""
        return self.budget.spent(self.ledger, self.steps, self.rounds)

    def outlook(self) -> Outlook:
        """How the run stands."""
        spent, limits = self._before.plus(self.spent), self.budget.limits
        bits, seconds, joules = (
            limits.get(name, math.inf) - getattr(spent, name) for name in ("bits", "simulated_s", "joules")
        )
        return Outlook(bits, seconds, joules, self.ledger.now, int(spent.steps))

    def stop(self, reason: str) -> None:
        """Begin no further unit."""
        self.stopped_by = reason

    def affords(self, unit: Unit) -> bool:
        """Whether one more unit fits into every limit; if not, `stopped_by` says which one it would break."""
        if self.stopped_by is None:
            self.stopped_by = self.budget.used_up(self.rounds)
        if self.stopped_by is None and self.presence.fails and self.presence.returns() == math.inf:
            self.stopped_by = "no_clients"
        if self.stopped_by is None:
            self.stopped_by = self._broken(unit)
        return self.stopped_by is None

    def _broken(self, unit: Unit) -> str | None:
        """The limit that one more unit would break, at the least size if that helps a budget to last."""
        pilots = [client.pilot for client in self.clients if client.pilot is not None] if self._adapts else []
        for pilot in pilots:
            pilot.is_held = False
        if self.budget.in_rounds:
            return None  # and nobody need add up what a hundred thousand devices have spent
        broken = self.budget.exceeded(self.spent.plus(self.unit_cost(unit)))
        if broken is None or not any(pilot.holds() for pilot in pilots):
            return broken
        for pilot in pilots:
            pilot.is_held = True
        return self.budget.exceeded(self.spent.plus(self.unit_cost(unit)))

    def unit_cost(self, unit: Unit) -> Spent:
        """What a unit begun now would spend, rehearsed with phantoms under the channel as it will be."""
        if self.rehearsal is None or self.budget.in_rounds:
            return Spent()
        if self._adapts or self.presence.fails or not (unit.steady and self.budget.timeless):
            return self.rehearsal.rehearse(unit, self)
        if self._unit_cost is None:
            self._unit_cost = self.rehearsal.rehearse(unit, self)
        return self._unit_cost

    def rehearse(self, unit: Unit, real: "World") -> Spent:
        """Do the next unit of the `real` world from where its clock stands and give what it spends."""
        now = real.ledger.now
        self.ledger.restart(now, real.ledger)
        self.presence.restart(real.presence)
        self.steps = 0
        self.rounds, self.cursor = real.rounds, dict(real.cursor)
        if self._adapts:
            self._before = real.spent._replace(simulated_s=0.0)  # the clock goes on
        for mine, theirs in zip(self.clients, real.clients, strict=True):
            if mine.pilot is not None and theirs.pilot is not None:
                mine.pilot.restore(theirs.pilot.state())
                mine.pilot.is_held = theirs.pilot.is_held
        self.do(unit)
        return self.spent._replace(simulated_s=self.ledger.now - now, rounds=self.rounds - real.rounds)

    def do(self, unit: Unit) -> None:
        """Do a unit from beginning to end; it begins as soon as there is a client."""
        env, before = self.ledger.env, self.steps
        work = unit.unit(self)
        env.run(until=env.process(self.presence.with_somebody(work) if self.presence.fails else work))
        self._fruitless = 0 if self.steps > before else self._fruitless + 1
        if self._fruitless == PATIENCE:
            raise RunError(f"no step was finished in {PATIENCE} attempts: let faults be rarer or steps shorter")

    def close(self) -> None:
        """The run is over: settle its book."""
        self.presence.close()
        self.ledger.close()

    # -- what protocols say -------------------------------------------------------------------------------------------

    def chosen(self, count: int | None, fraction: float, *, cycle: bool = False, anybody: bool = False) -> list[Client]:
        """The clients that take part in the present round, by number: `count` of them, or else a fraction, at least one.

        Fewer where fewer are there.

        cycle    those whose numbers follow the last round's, instead of any
        anybody  choose among those, too, that are not there now
        """
        there = self.clients
        if self.presence.fails:
            there = [there[number] for number in self.presence.there(self.rounds, anybody)]
        wanted = count if count is not None else max(1, round(fraction * len(self.clients)))
        if wanted >= len(there):
            return there
        if cycle:
            return [there[(self.rounds * wanted + place) % len(there)] for place in range(wanted)]
        places = self.random("participants").choice(len(there), wanted, replace=False)
        return [there[place] for place in sorted(places)]

    def random(self, purpose: str) -> np.random.Generator:
        """A random stream for one purpose in the present round."""
        return np.random.default_rng(seed_of(self.seed, purpose, self.rounds))

    def averaged(self, messages: Sequence[Message], clients: Sequence[Client], weighted: bool) -> Process:
        """The server averages model messages, by the clients' samples or equally. Gives the message of the mean."""
        weights = [float(client.samples) if weighted else 1.0 for client in clients]
        assert self.average is not None
        average = self.average
        mean = yield from self.server.device.run("server", lambda: average(messages, weights))
        return mean

    def finish_step(self, client: Client, loss: Any) -> None:
        """Book the step that `client` has just completed."""
        self.steps += 1
        client.steps += 1
        account, now = client.account, self.ledger.now
        if client.pilot is not None:
            air = account.seconds.get("uplink", 0.0), account.seconds.get("downlink", 0.0)
            client.pilot.saw(*air, now - account.started)
        if self.watch is None:
            return
        joules = client.device.meter.joules_until(now)
        forward, encode, wait, uplink, server, downlink, backward = account.by_phase()
        row = Step(  # by position, in the order of the columns: this is done for every step of a hundred thousand devices
            account.step,
            account.client,
            1 + (account.step - 1) // client.steps_per_epoch,
            account.started,
            now,
            forward,
            encode,
            wait,
            uplink,
            server,
            downlink,
            backward,
            joules - client.joules,
            math.nan,
        )
        client.joules = joules
        account.seconds = NOTHING  # told
        self.watch(row, loss)

    def finish_round(self, began: float, clients: Sequence[Client], failed: int = 0, late: int = 0) -> None:
        """Book the round that has just ended, begun at `began` [s], for which these clients were chosen.

        failed, late  how many of them were gone before they were done, and how many were not done at the deadline
        """
        self.rounds += 1
        if self.hear_round is not None:
            chosen = len(clients)
            self.hear_round(Round(self.rounds, began, self.ledger.now, chosen, chosen - failed - late, late, failed))
