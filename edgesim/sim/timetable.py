"""When everything happens in the turns of clients that nothing can disturb: arithmetic, and one event a step, at the server.

Instants are added up as the simulation adds them, activity by activity, so they are the same to the last bit. Arrivals at the
server that coincide are served in the order of the events that led to them, as in the simulation.
"""

from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heapreplace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgesim.sim.bulk import DisturbedError
from edgesim.sim.radio import Airtime

Array = NDArray[np.float64]
Whole = NDArray[np.int64]
Plan = Callable[[int, float], int]  # of a client's message at that instant [s]: the number of its airtime
Queued = tuple[float, float, float, float, float, float, float, int, int]


class Airtimes:
    """Airtimes of one unit, by number; `seconds` of their sending."""

    def __init__(self, known: Sequence[Airtime]) -> None:
        self.all = list(known)
        self.seconds = [sending_s(airtime) for airtime in known]

    def add(self, airtime: Airtime) -> int:
        """A number for one more."""
        self.all.append(airtime)
        self.seconds.append(sending_s(airtime))
        return len(self.all) - 1


def sending_s(airtime: Airtime) -> float:
    """How long a transfer is on the air, at a stretch [s]. Raises DisturbedError if it is not at a stretch."""
    spans = airtime.spans
    if len(spans) != 1 or spans[0][1] or spans[0][0] <= 0.0:
        raise DisturbedError
    return spans[0][0]


class Way(NamedTuple):
    """Messages of one direction: the airtime of each client's, -1 where it varies, and the delay behind it [s]."""

    fixed: list[int]
    plan: Plan
    latency_s: float

    def at(self, client: int, start_s: float) -> int:
        """The number of the airtime of a client's message that begins at `start_s` [s]."""
        fixed = self.fixed[client]
        return fixed if fixed >= 0 else self.plan(client, start_s)


class Paces(NamedTuple):
    """Seconds that each client computes for, [clients]; of the server for a step, and on how many cores."""

    forward: Array
    encode: Array
    backward: Array
    server: float
    cores: int


class Served(NamedTuple):
    """Steps in the order in which the server took them up, [steps].

    client        whose
    forward       when each begins [s]
    server        when the server begins with it [s]
    up, down      numbers of the airtimes
    """

    client: Whole
    forward: Array
    server: Array
    up: Whole
    down: Whole


def serve(ready: Array, steps: Sequence[int], paces: Paces, up: Way, down: Way, airtimes: Airtimes) -> Served:
    """The steps of clients that begin at `ready` [clients] [s], as many of each as `steps` says, one after the other."""
    forward, encode, backward = (pace.tolist() for pace in paces[:3])
    service, up_s, down_s, aired = paces.server, up.latency_s, down.latency_s, airtimes.seconds
    ups_fixed, downs_fixed = up.fixed, down.fixed
    left, first = list(steps), ready.tolist()
    who: list[int] = []
    begun: list[float] = []
    served: list[float] = []
    sent: list[int] = [0] * len(left)
    ups: list[int] = []
    downs: list[int] = []
    queue: list[Queued] = []
    for client, start in enumerate(first):
        if left[client]:
            ahead = start + forward[client]
            out = ahead + encode[client]
            number = sent[client] = up.at(client, out)
            queue.append((out + aired[number] + up_s, out, ahead, start, 0.0, 0.0, 0.0, -1, client))
    heapify(queue)
    cores = [-1.0] * paces.cores
    while queue:
        arrived, _out, _ahead, start, _back, _end, _begin, _rank, client = queue[0]
        free = cores[0]
        begin = arrived if arrived > free else free
        end = begin + service
        heapreplace(cores, end)
        number = downs_fixed[client]
        if number < 0:
            number = down.plan(client, end)
        who.append(client)
        begun.append(start)
        served.append(begin)
        ups.append(sent[client])
        downs.append(number)
        left[client] -= 1
        if not left[client]:
            heappop(queue)
            continue
        back = end + aired[number] + down_s
        start = back + backward[client]
        ahead = start + forward[client]
        out = ahead + encode[client]
        number = ups_fixed[client]
        if number < 0:
            number = up.plan(client, out)
        sent[client] = number
        heapreplace(queue, (out + aired[number] + up_s, out, ahead, start, back, end, begin, len(who), client))
    return Served(np.array(who), np.array(begun), np.array(served), np.array(ups), np.array(downs))
