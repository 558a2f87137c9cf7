"""What happens in one unit of undisturbed clients, as columns, and its entry into all books.

The books come out as they do activity by activity: rows in the same order, sums of the same numbers in the same order.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgesim.rows import Block, Names, Step
from edgesim.sim.account import NOTHING
from edgesim.sim.bulk import Activities, Bulk, Stage, absorb
from edgesim.sim.radio import Airtime
from edgesim.wire import Manifest

if TYPE_CHECKING:
    from edgesim.sim.world import Client, World

Array = NDArray[np.float64]
Whole = NDArray[np.int64]
ROWS_AT_ONCE = 20_000  # of a table
DIRECTIONS = ("up", "down")


@dataclass(frozen=True, slots=True)
class Watcher:
    """Takes the steps of a world: each with its loss when it is called, or many without a loss at once."""

    one: Callable[[Step, Any], None]
    many: Callable[[Block], None]

    def __call__(self, row: Step, loss: Any) -> None:
        self.one(row, loss)


class Sent(NamedTuple):
    """Messages of one kind, [messages]: whose, of which step of the turn, which airtime, when on the air and when there [s].

    rank    order in which those that coincide are booked
    waited  for the radio to connect [s]
    """

    direction: str
    label: str
    manifest: Manifest
    client: Whole
    step: Whole
    airtime: Whole
    begins: Array
    ends: Array
    posted: Array
    rank: Whole
    waited: Array


class Steps(NamedTuple):
    """Steps of clients in the order in which the server took them up, [steps].

    client   whose, by place among the unit's
    number   from 1, of the client's steps in this unit
    stages   of the client's device, in the order of time
    served   when the server's part began and ended [s]; None where it has none
    seconds  of each phase, in the order of PHASES
    """

    client: Whole
    number: Whole
    stages: Sequence[Stage]
    served: tuple[Array, Array] | None
    seconds: Sequence[Array]

    @property
    def begins(self) -> Array:
        """When each begins [s]."""
        return self.stages[0].begins

    @property
    def ends(self) -> Array:
        """When each ends [s]."""
        return self.stages[-1].ends


class Course(NamedTuple):
    """All of a unit: messages before the steps, the steps with theirs, messages after them."""

    clients: Sequence["Client"]
    airtimes: Sequence[Airtime]
    before: Sequence[Stage]
    steps: Steps
    after: Sequence[Stage]
    sent: Sequence[Sent]


def book(world: "World", course: Course) -> None:
    """Enter a unit into the books of a world."""
    clients, steps = course.clients, course.steps
    joules = _power(world, course)
    transfers = _Transfers(course)
    transfers.count(world)
    if world.ledger.hear_transfers is not None:
        for block in transfers.blocks(world.server.device.name):
            world.ledger.hear_transfers(block)
    if isinstance(world.watch, Watcher):
        for block in _step_blocks(course, joules):
            world.watch.many(block)
    done = np.bincount(steps.client, minlength=len(clients)).tolist()
    begun = np.zeros(len(clients))
    begun[steps.client] = steps.begins
    for client, number, started in zip(clients, done, begun.tolist(), strict=True):
        client.steps += number
        client.account.step += number
        client.account.started, client.account.seconds = started, NOTHING
    world.steps += len(steps.client)


def _power(world: "World", course: Course) -> Array:
    """Book the power of all devices. Gives what each step's client has drawn since its step before [steps] [J]."""
    clients, steps = course.clients, course.steps
    promotes = np.array([client.device.promotion_s > 0.0 for client in clients])
    bulk = Bulk([client.device.meter for client in clients], promotes)
    everyone = slice(None)
    for stage in course.before:
        bulk.stretch(everyone, stage)
    before = np.array([client.joules for client in clients])
    joules = np.empty(len(steps.client))
    order = np.lexsort((steps.client, steps.number))
    for layer in np.split(order, np.cumsum(np.bincount(steps.number)[1:])[:-1]):
        who = steps.client[layer]
        rows = everyone if len(who) == len(clients) else who
        for stage in steps.stages:
            bulk.stretch(rows, stage.of(layer, who))
        joules[layer] = bulk.joules[rows] - before[rows]
        before[rows] = bulk.joules[rows]
    for stage in course.after:
        bulk.stretch(everyone, stage)
    bulk.close()
    if world.watch is not None:
        for client, drawn in zip(clients, before.tolist(), strict=True):
            client.joules = drawn
    absorb(world.server.device.meter, _of_server(world, course))
    return joules


def _of_server(world: "World", course: Course) -> list[Activities]:
    server = world.server.device
    sorts = []
    for direction, phase, charge in (("up", "uplink", server.receiving), ("down", "downlink", server.sending)):
        mine = [sent for sent in course.sent if sent.direction == direction]
        if mine:
            begins, ends = (np.concatenate([getattr(sent, name) for sent in mine]) for name in ("begins", "ends"))
            sorts.append(Activities(phase, charge.state, charge.watts, begins, ends))
    if course.steps.served is not None:
        sorts.append(Activities("server", server.computing.state, server.computing.watts, *course.steps.served))
    return sorts


def _step_blocks(course: Course, joules: Array) -> Iterator[Block]:
    """The rows of the steps, in the order in which they end."""
    clients, steps = course.clients, course.steps
    taken = np.array([client.account.step for client in clients])
    number, per_epoch = np.array([client.number for client in clients]), np.array([c.steps_per_epoch for c in clients])
    order = np.lexsort((np.arange(len(joules)), steps.stages[-1].begins, steps.ends))
    for rows in _slices(order):
        who = steps.client[rows]
        step = taken[who] + steps.number[rows]
        seconds = [phase[rows] for phase in steps.seconds]
        unknown = np.full(len(rows), math.nan)
        spent = (steps.begins[rows], steps.ends[rows], *seconds, joules[rows])
        yield Block((step, number[who], 1 + (step - 1) // per_epoch[who], *spent, *(unknown,) * 5), len(rows))


def _slices(order: Whole) -> Iterator[Whole]:
    for begin in range(0, len(order), ROWS_AT_ONCE):
        yield order[begin : begin + ROWS_AT_ONCE]


class _Transfers:
    """All messages of a unit side by side, in the order in which they are booked."""

    def __init__(self, course: Course) -> None:
        self._course, groups = course, course.sent
        kind = np.repeat(np.arange(len(groups)), [len(sent.client) for sent in groups])
        columns = {name: np.concatenate([getattr(sent, name) for sent in groups]) for name in Sent._fields[3:]}
        order = np.lexsort((columns["rank"], columns["begins"], columns["posted"]))
        self._kind = kind[order]
        self._client, self._step, self._airtime = (columns[name][order] for name in ("client", "step", "airtime"))
        self._begins, self._ends, self._waited = (columns[name][order] for name in ("begins", "ends", "waited"))

    def _of_airtime(self, name: str) -> NDArray[np.generic]:
        """What the airtimes say, by their number."""
        return np.array([getattr(airtime, name) for airtime in self._course.airtimes])

    def count(self, world: "World") -> None:
        """Add them to the totals."""
        course, traffic = self._course, world.ledger.traffic
        seconds = self._ends - self._begins
        direction = np.array([DIRECTIONS.index(sent.direction) for sent in course.sent])[self._kind]
        whole = {name: self._of_airtime(name) for name in ("overhead_bits", *_COUNTED)}
        linear = np.array([10.0 ** (a.snr_db / 10.0) if math.isfinite(a.snr_db) else math.nan for a in course.airtimes])
        payload = np.array([sent.manifest.bits for sent in course.sent])
        for number, name in enumerate(DIRECTIONS):
            rows = np.flatnonzero(direction == number)
            if not len(rows):
                continue
            kind, airtime = self._kind[rows], self._airtime[rows]
            total = traffic.by_direction[name]
            total.add_messages([(sent.label, sent.manifest) for sent in course.sent], kind)
            counts = {each.removesuffix("_bits"): int(column[airtime].sum()) for each, column in whole.items()}
            total.add_airtime(seconds[rows], linear[airtime], counts)
            wire = np.zeros(len(course.clients), dtype=np.int64)
            np.add.at(wire, self._client[rows], payload[kind] + whole["overhead_bits"][airtime])
            total.add_clients(dict(zip([client.number for client in course.clients], wire.tolist(), strict=True)))
            links = [client.uplink if name == "up" else client.downlink for client in course.clients]
            for link, sent in zip(links, np.bincount(self._client[rows], minlength=len(links)).tolist(), strict=True):
                link.transfers += sent

    def blocks(self, server: str) -> Iterator[Block]:
        """Their rows."""
        course, groups = self._course, self._course.sent
        names = [client.device.name for client in course.clients]
        ends = np.array([sent.direction == "up" for sent in groups])
        labels = list(dict.fromkeys(sent.label for sent in groups))
        label = np.array([labels.index(sent.label) for sent in groups])
        number = np.array([client.number for client in course.clients])
        taken = np.array([client.account.step for client in course.clients])
        bits = [np.array([sent.manifest.by_role[role] for sent in groups]) for role in ("values", "side", "labels", "model")]
        charged = [np.array([getattr(sent.manifest, name) for sent in groups]) for name in ("paper_bits", "code_bits")]
        overhead, symbols, *aired = map(self._of_airtime, ("overhead_bits", "symbols", "snr_db", *_COUNTED[1:]))
        for rows in _slices(np.arange(len(self._kind))):
            kind, who, airtime = self._kind[rows], self._client[rows], self._airtime[rows]
            up = ends[kind]
            sender, receiver = np.where(up, who, len(names)), np.where(up, len(names), who)
            columns = (
                self._begins[rows],
                self._ends[rows],
                Names(("down", "up"), up.astype(np.int64)),
                Names([*names, server], sender),
                Names([*names, server], receiver),
                Names(labels, label[kind]),
                number[who],
                taken[who] + self._step[rows],
                *(column[kind] for column in bits),
                overhead[airtime],
                *(column[kind].astype(np.float64) for column in charged),
                symbols[airtime],
                *(column[airtime] for column in aired),
                self._waited[rows],
                np.ones(len(rows), dtype=bool),
            )
            yield Block(columns, len(rows))


_COUNTED = ("symbols", "packets", "protected_packets", "retransmissions", "lost_packets", "corrupted_values")
