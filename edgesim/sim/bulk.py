"""Power meters whose changes of state are known beforehand: many stretches booked at once.

The sums come out as they do stretch by stretch, to the last bit: every sum adds the same numbers in the same order.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgesim.sim.meter import IDLE, ON_AIR, PROMOTION, TAIL, Meter
from edgesim.sim.sums import BUSY_S, JOULES, SECONDS, in_order

Array = NDArray[np.float64]
Whole = NDArray[np.int64]
Rows = Whole | slice
NO_TAIL = (-math.inf, -math.inf)


class DisturbedError(Exception):
    """Something is not as simple as it was taken for; nothing has been booked yet."""


class Stage(NamedTuple):
    """What clients' devices do: phase, power state, watts above the base draw, of each client, and when, [rows] [s]."""

    phase: str
    state: str
    watts: Array
    begins: Array
    ends: Array

    def of(self, rows: Whole, clients: Whole) -> "Stage":
        """Some rows, and the watts of their clients."""
        return Stage(self.phase, self.state, self.watts[clients], self.begins[rows], self.ends[rows])


def is_without_tail(meter: Meter) -> bool:
    """Whether its radio sleeps, or not, whatever it did before."""
    return meter._tail_s == 0.0


class Bulk:
    """Meters of devices each of which does one thing after the other, side by side, [meters].

    promotes  which of their radios have to connect when they slept
    joules    drawn until the end of the latest stretch [J]
    """

    def __init__(self, meters: Sequence[Meter], promotes: NDArray[np.bool_]) -> None:
        self._meters, self._places, self._promotes = meters, meters[0]._sums.places, promotes
        self.joules = np.array([meter._joules for meter in meters])
        self._base_w = np.array([meter.base_w for meter in meters])
        self._since = np.array([meter._since for meter in meters])
        self._activity_j = np.array([meter.activity_joules for meter in meters])
        self._tail_w, self._tail_s = (np.array([getattr(meter, name) for meter in meters]) for name in ("_tail_w", "_tail_s"))
        self._has_tails = bool(self._tail_s.any())
        tails = np.array([meter._tail or NO_TAIL for meter in meters])
        self._tail_from, self._tail_until = tails[:, 0].copy(), tails[:, 1].copy()
        self._connected = np.zeros(len(meters), dtype=bool)
        self._sums: dict[int, Array] = {}

    def _sum(self, name: str, column: int) -> Array:
        """One number of a name, of all meters."""
        place = self._places[name] + column
        if place not in self._sums:
            self._sums[place] = np.array([meter._sums.number(place) for meter in self._meters])
        return self._sums[place]

    def stretch(self, rows: Rows, stage: Stage) -> None:
        """These meters are idle until the stage begins; of each meter one row.

        Raises DisturbedError where a radio is asleep that should go on air; nothing has reached the meters then.
        """
        self._span(rows, IDLE, stage.begins, 0.0)
        on_air = self._has_tails and stage.state in ON_AIR
        if on_air:
            self._wake(rows, stage.begins)
        self._span(rows, stage.phase, stage.ends, stage.watts)
        self._did(rows, stage.state, stage.ends - stage.begins, stage.watts)
        if on_air:
            has_tail = self._tail_s[rows] > 0.0
            self._tail_from[rows] = np.where(has_tail, stage.ends, -np.inf)
            self._tail_until[rows] = np.where(has_tail, stage.ends + self._tail_s[rows], -np.inf)
        if stage.state == PROMOTION:
            self._connected[rows] |= stage.ends > stage.begins

    def _wake(self, rows: Rows, begins: Array) -> None:
        """Radios go on air, which ends their tails."""
        asleep = self._promotes[rows] & (self._tail_until[rows] <= begins) & ~self._connected[rows]
        if asleep.any():
            raise DisturbedError
        self._end_tails(rows, begins)
        self._tail_until[rows] = -np.inf
        self._connected[rows] = False

    def _end_tails(self, rows: Rows, now: Array) -> None:
        """Count the tails that there were until `now` [s]."""
        until = np.minimum(self._tail_until[rows], now)
        lasted = np.subtract(until, self._tail_from[rows], out=np.zeros(len(until)), where=until > -np.inf)
        self._did(rows, TAIL, lasted, self._tail_w[rows])

    def _did(self, rows: Rows, state: str, seconds: Array, watts: Array) -> None:
        """An activity has ended."""
        self._sum(state, BUSY_S)[rows] += seconds
        self._activity_j[rows] += watts * seconds

    def _span(self, rows: Rows, phase: str, until: Array, watts: Array | float) -> None:
        """One phase goes on until then; in two stretches where a tail ends meanwhile."""
        since, base_w = self._since[rows], self._base_w[rows]
        if self._has_tails:
            awake = np.clip(self._tail_until[rows], since, until)
            self._book(rows, phase, awake - since, base_w + self._tail_w[rows] + watts)
            since = awake
        self._book(rows, phase, until - since, base_w + watts)
        self._since[rows] = until

    def _book(self, rows: Rows, phase: str, seconds: Array, watts: Array) -> None:
        joules = watts * seconds
        self.joules[rows] += joules
        self._sum(phase, SECONDS)[rows] += seconds
        self._sum(phase, JOULES)[rows] += joules

    def close(self) -> None:
        """Give the meters their sums."""
        over = np.flatnonzero((self._tail_until <= self._since) & (self._tail_until > -np.inf))
        self._end_tails(over, self._since[over])
        self._tail_until[over] = -np.inf
        columns = [(place, column.tolist()) for place, column in self._sums.items()]
        state = (self._since.tolist(), self.joules.tolist(), self._activity_j.tolist())
        for number, (meter, since, joules, activity_j) in enumerate(zip(self._meters, *state, strict=True)):
            meter._sums.put([(place, column[number]) for place, column in columns])
            meter._since, meter._joules, meter.activity_joules = since, joules, activity_j
        for number in np.flatnonzero(self._tail_s).tolist():
            tail = float(self._tail_from[number]), float(self._tail_until[number])
            self._meters[number]._tail = tail if tail[1] > -math.inf else None
            self._meters[number]._changed()


class Activities(NamedTuple):
    """Of one sort, at one device: phase, power state, watts above the base draw, and when each begins and ends, [n] [s]."""

    phase: str
    state: str
    watts: float
    begins: Array
    ends: Array


def absorb(meter: Meter, sorts: Sequence[Activities]) -> None:
    """Book activities that overlap on one meter, on which nothing is under way; each takes some time.

    What ends at an instant ends before what begins there. The same phases as the meter's own: the longest under way, of those
    that began together the first by name.
    """
    sorts = sorted(sorts, key=lambda sort: sort.phase)
    count = [len(sort.begins) for sort in sorts]
    times = np.concatenate([time for sort in sorts for time in (sort.begins, sort.ends)])
    change = np.concatenate([np.repeat((1, -1), number) for number in count])
    which = np.repeat(np.arange(len(sorts)), [2 * number for number in count])
    order = np.lexsort((change, times))
    times, change, which = times[order], change[order], which[order]
    under_way = np.array([np.cumsum(np.where(which == number, change, 0)) for number in range(len(sorts))])  # [sorts, changes]
    watts = np.full(len(times), meter.base_w)
    for sort, number in zip(sorts, under_way, strict=True):
        watts += number * sort.watts
    spans = times - np.append(meter._since, times[:-1])
    watts = np.append(meter.base_w, watts[:-1])  # of the span that ends at each change
    phase = np.append(len(sorts), _oldest(times, change, which, under_way)[:-1])
    _add_spans(meter, [sort.phase for sort in sorts], phase, spans, watts)
    busy_j = 0.0
    for sort in sorts:
        lasted = sort.ends - sort.begins
        meter._sums.add(sort.state, BUSY_S, float(lasted.sum()))
        busy_j += sort.watts * float(lasted.sum())
    meter.activity_joules += busy_j
    meter._since = float(times[-1])


def _oldest(times: Array, change: Whole, which: Whole, under_way: Whole) -> Whole:
    """Which sort has been under way longest from each change on; one more than there are where none is."""
    since = np.full(under_way.shape, np.inf)
    for number, inside in enumerate(under_way):
        starts = (which == number) & (change > 0) & (inside == 1)
        began = np.maximum.accumulate(np.where(starts, times, -np.inf))
        since[number] = np.where(inside > 0, began, np.inf)
    oldest: Whole = np.argmin(since, axis=0)
    oldest[~(under_way > 0).any(axis=0)] = len(under_way)
    return oldest


def _add_spans(meter: Meter, phases: Sequence[str], phase: Whole, spans: Array, watts: Array) -> None:
    """Add spans to their phases and to the total, one after the other."""
    joules = watts * spans
    for number, name in enumerate([*phases, IDLE]):
        mine = phase == number
        if mine.any():
            meter._sums.run(name, SECONDS, spans[mine])
            meter._sums.run(name, JOULES, joules[mine])
    meter._joules = in_order(meter._joules, joules)
