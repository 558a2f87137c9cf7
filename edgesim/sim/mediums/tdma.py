"""Time division: everybody who has something to send gets a share of the air time (phy.md 13)."""

import heapq
from typing import Annotated, Any, Literal

from edgesim.sim.discipline import Clock, Discipline, Job
from edgesim.sim.ledger import Ledger
from edgesim.sim.mediums.base import Medium


class Tdma(Medium):
    """Time division as a fluid: slots are so short that each client is always on air with its share.

    With `idle: lent` this is processor sharing: of K clients with something to send each has 1/K of the time, or its weight
    over theirs. With `idle: wasted` the frame is fixed: every client has its share of all clients, however few send.

    weights  of each client, in their order; all alike where left out
    idle     what becomes of the time of clients that have nothing to send: `lent` to the others, or `wasted`
    """

    def __init__(
        self,
        ledger: Ledger,
        direction: str,
        clients: int,
        key: int,
        *,
        weights: list[Annotated[float, "(0, inf)"]] | None = None,
        idle: Literal["lent", "wasted"] = "lent",
    ) -> None:
        if idle not in ("lent", "wasted"):
            raise ValueError(f"idle must be lent or wasted, got {idle!r}")
        self._weights = checked_weights(weights, clients)
        self._frame = None if idle == "lent" else sum(weights) if weights else float(clients)
        super().__init__(ledger, direction, clients, key)

    def discipline(self) -> Discipline:
        return Sharing(self._weights, self._frame)


def checked_weights(weights: list[float] | None, clients: int) -> list[float] | None:
    """The weights, if there is a positive one for every client; raises ValueError otherwise."""
    if weights is not None and (len(weights) != clients or min(weights) <= 0.0):
        raise ValueError(f"weights must be {clients} positive numbers, one for each client, got {weights}")
    return weights


class Sharing(Discipline):
    """Processor sharing by virtual time V, the seconds that each has had per unit of weight: dV/dt = 1 / total weight.

    A job of weight w and a seconds that comes at V ends at V + a / w, whatever happens meanwhile, so a heap of those is all
    that must be kept: O(log n) for a coming or going (Parekh and Gallager 1993, for packets).

    weights  of each client; None for all alike
    frame    total weight that time is divided by; None for that of the jobs that are there
    """

    def __init__(self, weights: list[float] | None = None, frame: float | None = None) -> None:
        self._weights = weights
        self._frame = frame
        self._virtual = self._since = self._total = 0.0
        self._heap: list[tuple[float, int, Job]] = []
        self._inside: set[Job] = set()

    def join(self, job: Job, now: float) -> None:
        self.reach(now)
        weight = self._weight(job)
        job.mark = self._virtual
        self._inside.add(job)
        heapq.heappush(self._heap, (self._virtual + job.load.air_s / weight, job.number, job))
        self._change(job, weight)

    def leave(self, job: Job, now: float) -> None:
        self.reach(now)
        weight = self._weight(job)
        job.load.own_s = job.load.heard_s = min(job.load.air_s, weight * (self._virtual - job.mark))
        self._inside.remove(job)
        self._change(job, -weight)
        if not self._inside:
            self._total = 0.0

    def next(self) -> tuple[float, Job | None] | None:
        while self._heap and self._heap[0][2] not in self._inside:
            heapq.heappop(self._heap)
        if not self._heap:
            return None
        end, _number, job = self._heap[0]
        return self._since + (end - self._virtual) * self._divisor, job

    def reach(self, time: float) -> None:
        if self._inside:
            self._virtual += (time - self._since) / self._divisor
        self._since = time

    def read(self, clock: Clock, now: float) -> float:
        virtual = self._virtual
        if self._inside:
            virtual += (now - self._since) / self._divisor
        return clock.seconds + clock.running * (virtual - clock.mark)

    def state(self) -> dict[str, Any]:
        return {"virtual": self._virtual, "since": self._since}

    def restore(self, state: dict[str, Any]) -> None:
        self._virtual, self._since = state["virtual"], state["since"]

    def anew(self) -> "Sharing":
        return Sharing(self._weights, self._frame)

    @property
    def _divisor(self) -> float:
        return self._total if self._frame is None else self._frame

    def _weight(self, job: Job) -> float:
        return 1.0 if self._weights is None else self._weights[job.load.client]

    def _change(self, job: Job, weight: float) -> None:
        """A job of this weight came; negative: went."""
        self._total += weight
        for clock in (job.sending, job.receiving):
            clock.seconds += clock.running * (self._virtual - clock.mark)
            clock.mark = self._virtual
            clock.running += weight
