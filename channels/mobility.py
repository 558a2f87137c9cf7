"""Where a client is: its place, and its distance from the station, as functions of absolute time."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Mobility(ABC):
    """A path. Abstract.

    moves       whether the place ever changes
    span_m      least and greatest distance from the station that occur [m]
    dimensions  of a place: 1 where only the distance is known, 2 for positions
    """

    moves: bool = True
    span_m: tuple[float, float]
    dimensions: int = 1

    @abstractmethod
    def distance_m(self, times_s: Array) -> Array:
        """Horizontal distance from the station at each absolute time [m]."""

    def places_m(self, times_s: Array) -> Array:
        """Where the client is at each absolute time, [times, dimensions] [m]; here its distance alone."""
        return self.distance_m(times_s)[:, None]


class Still(Mobility):
    """A client that stays where it is.

    distance_m  from the station [m]
    """

    moves = False

    def __init__(self, distance_m: float) -> None:
        if not 0.0 <= distance_m < math.inf:
            raise ValueError(f"distance_m must be a number of at least 0, got {distance_m}")
        self.span_m = (distance_m, distance_m)

    def distance_m(self, times_s: Array) -> Array:
        return np.full(np.shape(times_s), self.span_m[0])


class Shuttle(Mobility):
    """A client that goes to and fro between two distances at constant speed, beginning at the nearer one at time 0.

    near_m, far_m  turning points [m]
    speed_mps      [m/s]

    >>> Shuttle(10.0, 30.0, speed_mps=2.0).distance_m(np.array([0.0, 5.0, 10.0, 15.0])).tolist()
    [10.0, 20.0, 30.0, 20.0]
    """

    def __init__(self, near_m: float, far_m: float, speed_mps: float) -> None:
        if not (0.0 <= near_m < far_m < math.inf and 0.0 < speed_mps < math.inf):
            raise ValueError(f"need 0 <= near_m < far_m and speed_mps > 0; got {near_m}, {far_m}, {speed_mps}")
        self.span_m = (near_m, far_m)
        self._speed_mps = speed_mps

    def distance_m(self, times_s: Array) -> Array:
        near, far = self.span_m
        gone = np.mod(np.asarray(times_s) * self._speed_mps, 2.0 * (far - near))
        return near + np.minimum(gone, 2.0 * (far - near) - gone)


class Trace(Mobility):
    """A client whose distance is what a table says, changing evenly from each entry to the next.

    times_s      rising, from 0 or later on; before the first entry the client waits there [s]
    distances_m  from the station, one for each time [m]
    repeat       begin again after the last entry instead of staying there

    >>> Trace([0.0, 10.0], [5.0, 25.0]).distance_m(np.array([2.5, 99.0])).tolist()
    [10.0, 25.0]
    """

    def __init__(self, times_s: Sequence[float], distances_m: Sequence[float], *, repeat: bool = False) -> None:
        self._table = Table(times_s, {"distances": distances_m}, repeat=repeat)
        distances = self._table.columns[0]
        if not (distances >= 0.0).all():
            raise ValueError(f"the distances of a trace must not be negative, got {distances.min()}")
        self.span_m = (float(distances.min()), float(distances.max()))

    def distance_m(self, times_s: Array) -> Array:
        return self._table.at(times_s)[0]


class Walk(Mobility):
    """A client whose position is what a table says, in a straight line from each entry to the next; the station is at (0, 0).

    times_s     rising, from 0 or later on; before the first entry the client waits there [s]
    xs_m, ys_m  position, one for each time [m]
    repeat      begin again after the last entry instead of staying there

    >>> Walk([0.0, 10.0], [-30.0, 30.0], [40.0, 40.0]).distance_m(np.array([0.0, 5.0, 99.0])).tolist()
    [50.0, 40.0, 50.0]
    """

    dimensions = 2

    def __init__(self, times_s: Sequence[float], xs_m: Sequence[float], ys_m: Sequence[float], *, repeat: bool = False) -> None:
        self._table = Table(times_s, {"xs": xs_m, "ys": ys_m}, repeat=repeat)
        places = np.stack(self._table.columns, axis=-1)  # [entries, 2]
        self.span_m = (_nearest(places), float(np.hypot(*places.T).max()))

    def distance_m(self, times_s: Array) -> Array:
        return np.asarray(np.hypot(*self._table.at(times_s)))

    def places_m(self, times_s: Array) -> Array:
        return np.stack(self._table.at(times_s), axis=-1)


class Table:
    """Numbers at instants, changing evenly from each entry to the next.

    times_s  rising, from 0 or later on [s]
    columns  by name, one number for each time
    repeat   begin again after the last entry instead of staying there
    """

    def __init__(self, times_s: Sequence[float], columns: dict[str, Sequence[float]], *, repeat: bool) -> None:
        self.times_s = np.asarray(times_s, dtype=np.float64)
        self.columns = [np.asarray(column, dtype=np.float64) for column in columns.values()]
        for name, column in zip(columns, self.columns, strict=True):
            if len(self.times_s) < 2 or self.times_s.shape != column.shape:
                given = f"{len(self.times_s)} times and {len(column)} {name}"
                raise ValueError(f"a trace needs at least two times, and of everything one for each; got {given}")
            if not np.isfinite(column).all():
                raise ValueError(f"the {name} of a trace must be finite")
        if not ((np.diff(self.times_s) > 0.0).all() and self.times_s[0] >= 0.0 and np.isfinite(self.times_s[-1])):
            raise ValueError("the times of a trace must rise, from 0 or later on")
        self._repeat = repeat

    def at(self, times_s: Array) -> list[Array]:
        """The columns at each absolute time."""
        times, first = np.asarray(times_s), self.times_s[0]
        if self._repeat:
            times = np.where(times > first, first + np.mod(times - first, np.ptp(self.times_s)), times)
        return [np.asarray(np.interp(times, self.times_s, column)) for column in self.columns]


def _nearest(places_m: Array) -> float:
    """The least distance from the origin of a way along straight lines between places [entries, 2] [m]."""
    begin, step = places_m[:-1], np.diff(places_m, axis=0)
    length = (step**2).sum(axis=1)
    gone = np.clip(-(begin * step).sum(axis=1) / np.where(length > 0.0, length, 1.0), 0.0, 1.0)  # of each line
    return float(np.hypot(*(begin + gone[:, None] * step).T).min())
