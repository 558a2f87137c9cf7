"""Round robin: everybody who has something to send gets the whole medium in turn."""

from math import ceil
from typing import Annotated, Any

from edgesim.sim.discipline import Clock, Discipline, Job
from edgesim.sim.ledger import Ledger
from edgesim.sim.mediums.base import Medium

ROUNDING = 1e-9  # of a quantum: what is left of a message after many turns is a difference of large numbers


class RoundRobin(Medium):
    """Turns of equal length, one client after the other; who comes is last in line (phy.md 13).

    A message that ends within its turn leaves the rest of it to the next. The shorter the turn, the closer to `tdma`; with
    turns longer than every message it is first come, first served.

    quantum_s  length of a turn [s]
    """

    def __init__(
        self, ledger: Ledger, direction: str, clients: int, key: int, *, quantum_s: Annotated[float, "(0, inf)"]
    ) -> None:
        if not quantum_s > 0.0:
            raise ValueError(f"quantum_s must be positive, got {quantum_s}")
        self._quantum_s = quantum_s
        super().__init__(ledger, direction, clients, key)

    def discipline(self) -> Discipline:
        return Turns(self._quantum_s)


class Turns(Discipline):
    """Round robin by arithmetic: whole rounds are skipped, no turn is looked at singly.

    The line is kept as it was when its first job's turn began; the `mark` of a job is what it still needed then [s].

    quantum_s  length of a turn [s]
    """

    def __init__(self, quantum_s: float) -> None:
        self._quantum_s = quantum_s
        self._line: list[Job] = []
        self._since = 0.0  # when the turn of the first in line began

    def join(self, job: Job, now: float) -> None:
        self._advance(now)
        job.mark = job.load.air_s
        self._line.append(job)

    def leave(self, job: Job, now: float) -> None:
        self._advance(now)
        first = self._line[0] is job
        if first:  # the turn ends here
            _serve(job, now - self._since)
            self._since = now
        job.load.own_s = job.load.heard_s = min(job.load.air_s, job.load.air_s - job.mark)
        self._line.remove(job)

    def next(self) -> tuple[float, Job] | None:
        if not self._line:
            return None
        quantum = self._quantum_s
        turns = [max(1, ceil(job.mark / quantum - ROUNDING)) for job in self._line]
        fewest = min(turns)
        place = turns.index(fewest)
        job = self._line[place]
        rounds = (fewest - 1) * quantum  # what each in line has had before the round in which the first of them ends
        return self._since + rounds * len(turns) + place * quantum + max(0.0, job.mark - rounds), job

    def read(self, clock: Clock, now: float) -> float:
        self._advance(now)
        first = self._line[0] if self._line else None
        on_air = first is not None and clock in (first.sending, first.receiving)
        return clock.seconds + (now - self._since if on_air else 0.0)

    def state(self) -> dict[str, Any]:
        return {"since": self._since}

    def restore(self, state: dict[str, Any]) -> None:
        self._since = state["since"]

    def anew(self) -> "Turns":
        return Turns(self._quantum_s)

    def _advance(self, now: float) -> None:
        """Bring the line to the beginning of the turn that is under way; no job ends before `now`."""
        count, quantum = len(self._line), self._quantum_s
        if not count:
            self._since = now
            return
        turns = max(0, ceil((now - self._since) / quantum - ROUNDING) - 1)
        if not turns:
            return
        rounds, over = divmod(turns, count)
        for place, job in enumerate(self._line):
            _serve(job, (rounds + (place < over)) * quantum)
        self._line = self._line[over:] + self._line[:over]
        self._since += turns * quantum


def _serve(job: Job, seconds: float) -> None:
    job.mark -= seconds
    job.sending.seconds += seconds
    job.receiving.seconds += seconds
