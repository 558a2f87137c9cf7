"""Power meters whose changes of state are known beforehand: many stretches booked at once.

The sums come out as they do stretch by stretch, to the last bit: every sum adds the same numbers in the same order.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgesim.sim.meter import IDLE, Meter
from edgesim.sim.sums import BUSY_S, JOULES, SECONDS, in_order

Array = NDArray[np.float64]
Whole = NDArray[np.int64]
Rows = Whole | slice


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
    """Meters without tails, of devices each of which does one thing after the other; side by side, [meters].

    joules  drawn until the end of the latest stretch [J]
    """

    def __init__(self, meters: Sequence[Meter]) -> None:
        self._meters, self._places = meters, meters[0]._sums.places
        self.joules = np.array([meter._joules for meter in meters])
        self._base_w = np.array([meter.base_w for meter in meters])
        self._since = np.array([meter._since for meter in meters])
        self._activity_j = np.array([meter.activity_joules for meter in meters])
        self._sums: dict[int, Array] = {}

    def _sum(self, name: str, column: int) -> Array:
        """One number of a name, of all meters."""
        place = self._places[name] + column
        if place not in self._sums:
            self._sums[place] = np.array([meter._sums.number(place) for meter in self._meters])
        return self._sums[place]

    def stretch(self, rows: Rows, stage: Stage) -> None:
        """These meters are idle until the stage begins; of each meter one row."""
        base_w = self._base_w[rows]
        self._book(rows, IDLE, stage.begins - self._since[rows], base_w)
        seconds = stage.ends - stage.begins
        self._book(rows, stage.phase, seconds, base_w + stage.watts)
        self._sum(stage.state, BUSY_S)[rows] += seconds
        self._activity_j[rows] += stage.watts * seconds
        self._since[rows] = stage.ends

    def _book(self, rows: Rows, phase: str, seconds: Array, watts: Array) -> None:
        joules = watts * seconds
        self.joules[rows] += joules
        self._sum(phase, SECONDS)[rows] += seconds
        self._sum(phase, JOULES)[rows] += joules

    def close(self) -> None:
        """Give the meters their sums."""
        columns = [(place, column.tolist()) for place, column in self._sums.items()]
        state = (self._since.tolist(), self.joules.tolist(), self._activity_j.tolist())
        for number, (meter, since, joules, activity_j) in enumerate(zip(self._meters, *state, strict=True)):
            meter._sums.put([(place, column[number]) for place, column in columns])
            meter._since, meter._joules, meter.activity_joules = since, joules, activity_j


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
