"""Where a client is: its distance from the station as a function of absolute time."""

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Mobility(Protocol):
    """A path. `moves` says whether the distance ever changes; `span_m` holds every distance that occurs."""

    moves: bool
    span_m: tuple[float, float]

    def distance_m(self, times_s: Array) -> Array:
        """Horizontal distance at each absolute time [m]."""


class Still:
    """A client that stays where it is.

    distance_m  from the station [m]
    """

    def __init__(self, distance_m: float) -> None:
        if not 0.0 <= distance_m < math.inf:
            raise ValueError(f"distance_m must be a number of at least 0, got {distance_m}")
        self.moves = False
        self.span_m = (distance_m, distance_m)

    def distance_m(self, times_s: Array) -> Array:
        return np.full(np.shape(times_s), self.span_m[0])


class Shuttle:
    """A client that goes to and fro between two distances at constant speed, beginning at the nearer one at time 0.

    near_m, far_m  turning points [m]
    speed_mps      [m/s]

    >>> Shuttle(10.0, 30.0, speed_mps=2.0).distance_m(np.array([0.0, 5.0, 10.0, 15.0])).tolist()
    [10.0, 20.0, 30.0, 20.0]
    """

    def __init__(self, near_m: float, far_m: float, speed_mps: float) -> None:
        if not (0.0 <= near_m < far_m < math.inf and 0.0 < speed_mps < math.inf):
            raise ValueError(f"need 0 <= near_m < far_m and speed_mps > 0; got {near_m}, {far_m}, {speed_mps}")
        self.moves = True
        self.span_m = (near_m, far_m)
        self._speed_mps = speed_mps

    def distance_m(self, times_s: Array) -> Array:
        near, far = self.span_m
        gone = np.mod(np.asarray(times_s) * self._speed_mps, 2.0 * (far - near))
        return near + np.minimum(gone, 2.0 * (far - near) - gone)


class Trace:
    """A client that is where a table says, in a straight line from each entry to the next.

    times_s      rising, from 0 or later on; before the first entry the client waits there [s]
    distances_m  from the station, one for each time [m]
    repeat       begin again after the last entry instead of staying there

    >>> Trace([0.0, 10.0], [5.0, 25.0]).distance_m(np.array([2.5, 99.0])).tolist()
    [10.0, 25.0]
    """

    def __init__(self, times_s: Sequence[float], distances_m: Sequence[float], *, repeat: bool = False) -> None:
        self._times, self._distances = np.asarray(times_s, dtype=float), np.asarray(distances_m, dtype=float)
        if len(self._times) < 2 or self._times.shape != self._distances.shape:
            raise ValueError(f"a trace needs at least two times and a distance for each, got {times_s} and {distances_m}")
        if not ((np.diff(self._times) > 0.0).all() and self._times[0] >= 0.0 and np.isfinite(self._times[-1])):
            raise ValueError(f"the times of a trace must rise, from 0 or later on; got {times_s}")
        if not ((self._distances >= 0.0).all() and np.isfinite(self._distances).all()):
            raise ValueError(f"the distances of a trace must be finite and not negative, got {distances_m}")
        self.moves = True
        self.span_m = (float(self._distances.min()), float(self._distances.max()))
        self._repeat = repeat

    def distance_m(self, times_s: Array) -> Array:
        times = np.asarray(times_s)
        if self._repeat:
            times = np.where(
                times > self._times[0], self._times[0] + np.mod(times - self._times[0], np.ptp(self._times)), times
            )
        return np.asarray(np.interp(times, self._times, self._distances))


def along(xs_m: Sequence[float], ys_m: Sequence[float]) -> list[float]:
    """Distances from a station at the origin of positions (x, y) [m], for a `Trace`.

    >>> along([3.0, 0.0], [4.0, 2.0])
    [5.0, 2.0]
    """
    return [math.hypot(x, y) for x, y in zip(xs_m, ys_m, strict=True)]
