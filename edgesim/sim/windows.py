"""Windows of time in which something is not there, as functions of absolute time."""

import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from edgesim.errors import RunError

CHUNK = 64  # windows drawn together
MOST_EDGES = 20_000_000  # of random windows, kept in memory
MOST_JOINED = 16  # windows that are found to be one; what goes on without end is told in pieces


class Window(NamedTuple):
    """From `begin` on, until just before `end` [s]."""

    begin: float
    end: float


NEVER = Window(math.inf, math.inf)


class Windows(ABC):
    """Windows that follow each other without overlap. Abstract."""

    @abstractmethod
    def at(self, now: float) -> Window:
        """The window that `now` [s] is in, else the next one; `NEVER` after the last. A pure function of its argument."""


class Regular(Windows):
    """One window of `seconds` [s] from `start_s` [s] on; with `every_s` [s], which is longer, again and again."""

    def __init__(self, start_s: float, seconds: float, every_s: float | None = None) -> None:
        self._start_s, self._seconds, self._every_s = start_s, seconds, every_s

    def at(self, now: float) -> Window:
        if self._every_s is None:
            begin = self._start_s
            return Window(begin, begin + self._seconds) if now < begin + self._seconds else NEVER
        number = max(0, math.floor((now - self._start_s) / self._every_s) - 1)  # the quotient is rounded
        while now >= (begin := self._start_s + number * self._every_s) + self._seconds:
            number += 1
        return Window(begin, begin + self._seconds)


class Random(Windows):
    """Exponential times up and down in turn, up at time 0: the share of time up tends to mean_up / (mean_up + mean_down).

    Drawn as far as somebody looks, in order, from a stream of their own: a pure function of key and time.

    key                     of the stream
    mean_up_s, mean_down_s  [s]
    """

    def __init__(self, key: int, mean_up_s: float, mean_down_s: float) -> None:
        self._key, self._means = key, (mean_up_s, mean_down_s)
        self._edges = [0.0]  # the end of nothing, then begin and end of each window

    def at(self, now: float) -> Window:
        while self._edges[-1] <= now:
            self._draw()
        place = bisect_right(self._edges, now)
        begin = place if place % 2 else place - 1
        if begin + 1 == len(self._edges):
            self._draw()
        return Window(self._edges[begin], self._edges[begin + 1])

    def _draw(self) -> None:
        if len(self._edges) > MOST_EDGES:
            raise RunError(
                f"a fault with mean times {self._means[0]:g} and {self._means[1]:g} s came more than {MOST_EDGES // 2} times "
                f"in {self._edges[-1]:g} s: let it be rarer"
            )
        counter = np.array([0, len(self._edges) // (2 * CHUNK), 0, 0], dtype=np.uint64)
        random = np.random.Generator(np.random.Philox(key=self._key, counter=counter))
        lengths = random.standard_exponential((CHUNK, 2)) * self._means
        self._edges += (self._edges[-1] + np.cumsum(lengths)).tolist()


class Listed(Windows):
    """Given windows; those that overlap or touch are one."""

    def __init__(self, windows: Sequence[Window]) -> None:
        self._windows: list[Window] = []
        for window in sorted(windows):
            if self._windows and window.begin <= self._windows[-1].end:
                window = Window(self._windows[-1].begin, max(window.end, self._windows.pop().end))
            self._windows.append(window)
        self._ends = [window.end for window in self._windows]

    def at(self, now: float) -> Window:
        place = bisect_right(self._ends, now)
        return self._windows[place] if place < len(self._ends) else NEVER

    def rest(self) -> "Listed":
        """The time from 0 on that is in none of them."""
        begins = [0.0, *self._ends]
        ends = [*(window.begin for window in self._windows), math.inf]
        return Listed([Window(begin, end) for begin, end in zip(begins, ends, strict=True) if begin < end])


class Joint(Windows):
    """The time that is in a window of any of these.

    A window that is under way may be said to begin later than it did, and one of very many parts to end before the next begins.
    """

    def __init__(self, several: Sequence[Windows]) -> None:
        self._several = several

    def at(self, now: float) -> Window:
        begin, end = min((windows.at(now) for windows in self._several), default=NEVER)
        for _ in range(MOST_JOINED):
            if end == math.inf or (later := max(self._reach(end))) <= end:
                break
            end = later
        return Window(begin, end)

    def _reach(self, time: float) -> list[float]:
        """Until when each lasts that covers `time` [s]."""
        return [end if begin <= time else time for begin, end in (windows.at(time) for windows in self._several)]
