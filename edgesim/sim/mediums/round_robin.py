"""Round robin: everybody who has something to send gets the whole medium in turn (phy.md 13)."""

from math import ceil
from typing import Annotated, Any

import numpy as np

from edgesim.sim.discipline import Clock, Discipline, Job
from edgesim.sim.ledger import Ledger
from edgesim.sim.mediums.base import Medium

ROUNDING = 1e-9  # of a quantum: what is left of a message after many turns is a difference of large numbers


class RoundRobin(Medium):
    """Turns of equal length, one client after the other; who comes is last in line.

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

    In every round each place in the line has one turn. Who comes is put before the place whose turn is under way, so it is
    known at once in which round a job ends, and the first to end is the first place of the smallest of these numbers.

    quantum_s  length of a turn [s]
    """

    def __init__(self, quantum_s: float) -> None:
        self._quantum_s = quantum_s
        self._line: list[Job] = []
        self._rounds = np.zeros((3, 0), dtype=np.int64)  # of each place its last round, its first, and its job's number
        self._begun = 0  # the first rounds of all places added up
        self._round = self._place = 0  # whose turn is under way
        self._since = 0.0  # when that began
        self._jobs: dict[Clock, dict[Job, None]] = {}  # in the line

    def join(self, job: Job, now: float) -> None:
        self.reach(now)
        place, first = self._place, self._round + bool(self._line)
        turns = max(1, ceil(job.load.air_s / self._quantum_s - ROUNDING))
        self._rounds = np.insert(self._rounds, place, (first + turns - 1, first, job.number), axis=1)
        self._begun += first
        self._place += bool(self._line)
        self._line.insert(place, job)
        for clock in (job.sending, job.receiving):
            self._jobs.setdefault(clock, {})[job] = None

    def leave(self, job: Job, now: float) -> None:
        self.reach(now)
        place = self._place_of(job)
        seconds = self._served_s(place, now)
        job.load.own_s = job.load.heard_s = min(job.load.air_s, seconds)
        for clock in (job.sending, job.receiving):
            clock.seconds += seconds
            del self._jobs[clock][job]
        self._begun -= int(self._rounds[1, place])
        self._rounds = np.delete(self._rounds, place, axis=1)
        del self._line[place]
        if place < self._place:
            self._place -= 1
        elif place == self._place:  # the turn ends here
            self._since = now
            if place == len(self._line):
                self._place, self._round = 0, self._round + 1

    def next(self) -> tuple[float, Job | None] | None:
        if not self._line:
            return None
        quantum, count = self._quantum_s, len(self._line)
        place = int(self._rounds[0].argmin())
        last, first, _number = self._rounds[:, place].tolist()
        job = self._line[place]
        turns = (last - self._round) * count + place - self._place  # full ones, before the one in which it ends
        return self._since + turns * quantum + max(0.0, job.load.air_s - (last - first) * quantum), job

    def read(self, clock: Clock, now: float) -> float:
        self.reach(now)
        jobs = self._jobs.get(clock, {})
        if jobs and len(jobs) == len(self._line):  # whoever is on air, it is on air, too
            turns = len(jobs) * self._round + self._place - self._begun
            return clock.seconds + turns * self._quantum_s + (now - self._since)
        return clock.seconds + sum(self._served_s(self._place_of(job), now) for job in jobs)

    def reach(self, time: float) -> None:
        """Find out whose turn is under way; no job ends before `time`."""
        count, quantum = len(self._line), self._quantum_s
        if not count:
            self._since = time
            return
        turns = max(0, ceil((time - self._since) / quantum - ROUNDING) - 1)
        rounds, self._place = divmod(self._place + turns, count)
        self._round += rounds
        self._since += turns * quantum

    def state(self) -> dict[str, Any]:
        return {"since": self._since}

    def restore(self, state: dict[str, Any]) -> None:
        self._since = state["since"]

    def anew(self) -> "Turns":
        return Turns(self._quantum_s)

    def _place_of(self, job: Job) -> int:
        place: int = (self._rounds[2] == job.number).argmax().item()
        return place

    def _served_s(self, place: int, now: float) -> float:
        """How long the job in a place has been on air [s]."""
        turns = self._round - int(self._rounds[1, place]) + (place < self._place)
        return turns * self._quantum_s + (now - self._since if place == self._place else 0.0)
