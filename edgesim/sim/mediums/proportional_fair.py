"""Proportional fair scheduling: each slot to whoever is fastest compared with what it usually gets (phy.md 13)."""

from math import ceil, inf
from typing import Annotated, Any, ClassVar, Self

import numpy as np

from edgesim.errors import RunError
from edgesim.sim.discipline import Job
from edgesim.sim.foresight import Course, Foreseen
from edgesim.sim.ledger import Ledger
from edgesim.sim.mediums.base import Medium

CHUNK = 256  # slots whose rates are looked up together
PATIENCE = 1 << 17  # slots in a row in which nobody can send, after which nobody ever will
NEVER = 1e-300  # bit/s, stands for an average of nothing, which a rate can be divided by


class ProportionalFair(Medium):
    """Proportional fair scheduling: a slot goes to the client whose rate R is largest relative to its average T.

    After every slot T becomes beta T + (1 - beta) r with r the rate at which the client was served, 0 for the others that had
    something to send. The rate of a client is what its channel carries when the slot begins, so that fading is used where it is
    good: with independent Rayleigh fading and rates in proportion to |h|^2, K clients get 1/K of the slots each and H_K =
    1 + 1/2 + ... + 1/K times the rate of round robin. A message that ends within a slot leaves the rest of it unused. Where
    nobody who has something to send can send in 131 072 slots in a row, as in a long outage of all, the run ends with a reason.

    slot_s  length of a slot [s]
    beta    memory of the average: its time constant is slot_s / (1 - beta)
    """

    pausable: ClassVar[bool] = False

    def __init__(
        self,
        ledger: Ledger,
        direction: str,
        clients: int,
        key: int,
        *,
        slot_s: Annotated[float, "(0, inf)"] = 1e-3,
        beta: Annotated[float, "[0, 1)"] = 0.98,
    ) -> None:
        if not (slot_s > 0.0 and 0.0 <= beta < 1.0):
            raise ValueError(f"need slot_s > 0 and 0 <= beta < 1, got {slot_s} and {beta}")
        self._slot_s, self._beta = slot_s, beta
        super().__init__(ledger, direction, clients, key)

    def discipline(self) -> Foreseen["Schedule"]:
        return Foreseen(Schedule(self._slot_s, self._beta))


class Schedule(Course):
    """Slots of absolute time, one after the other.

    Jobs are rows in the order of their coming. Rows that are free, or whose jobs are gone, have a rate of 0.

    slot_s, beta  as in `ProportionalFair`
    """

    def __init__(self, slot_s: float, beta: float) -> None:
        super().__init__()
        self._slot_s = slot_s
        self._beta = beta
        self._slot = 0  # the next to be given away
        self._dead = 0  # slots in which nobody could send
        self._known: dict[int, float] = {}  # T of each client whose latest job is gone [bit/s]
        self._jobs: list[Job] = []  # of the rows in use, those that are gone included
        self._rows: dict[Job, int] = {}
        self._left = np.zeros(0)  # [rows] bits that are still to be sent
        self._averages = np.zeros(0)  # [rows] T, 0 before the first slot of a client [bit/s]
        self._rates = np.zeros((CHUNK, 0))  # [CHUNK, rows] of the slots of a chunk [bit/s]
        self._chunk = -1

    def blank(self) -> Self:
        return type(self)(self._slot_s, self._beta)

    def state(self) -> dict[str, Any]:
        clients, averages = np.array(list(self._known), dtype=np.int64), np.array(list(self._known.values()))
        return {"slot": self._slot, "dead": self._dead, "clients": clients, "averages": averages}

    def restore(self, state: dict[str, Any]) -> None:
        self._slot, self._dead = state["slot"], state["dead"]
        self._known = dict(zip(state["clients"].tolist(), state["averages"].tolist(), strict=True))

    def begins(self) -> float:
        return self._slot * self._slot_s if self._rows else inf

    def soonest(self) -> float:
        with np.errstate(all="ignore"):
            shortest = float(np.fmin.reduce(self._left / self._rates_now()))
        return self.begins() + min(self._slot_s, shortest)

    def add(self, job: Job, now: float) -> None:
        self._slot = max(self._slot, ceil(now / self._slot_s - 1e-9))
        row = len(self._jobs)
        if row == len(self._left):
            row = self._make_room()
        self._jobs.append(job)
        self._rows[job] = row
        self._left[row], self._averages[row] = job.load.bits, self._known.get(job.load.client, 0.0)
        if self._slot // CHUNK == self._chunk:
            self._rates[:, row] = _speed(job, self._times())

    def remove(self, job: Job) -> None:
        row = self._rows.pop(job)
        if self._averages[row]:
            self._known[job.load.client] = float(self._averages[row])
        self._left[row], self._averages[row], self._rates[:, row] = inf, 1.0, 0.0

    def _make_room(self) -> int:
        """Forget the rows of jobs that are gone, have as many free as used ones, and give the first that is free."""
        kept = list(self._rows.values())

        def moved(table: np.ndarray, free: float) -> np.ndarray:
            wide = np.full((*table.shape[:-1], 8 + 2 * len(kept)), free)
            wide[..., : len(kept)] = table[..., kept]
            return wide

        self._left, self._averages, self._rates = moved(self._left, inf), moved(self._averages, 1.0), moved(self._rates, 0.0)
        self._jobs = list(self._rows)
        self._rows = {job: row for row, job in enumerate(self._jobs)}
        return len(kept)

    def event(self) -> None:
        rates, averages, start = self._rates_now(), self._averages, self._slot * self._slot_s
        averages[averages == 0.0] = np.maximum(rates[averages == 0.0], NEVER)
        row = int(np.argmax(rates / averages))
        rate = float(rates[row])
        averages *= self._beta
        averages[row] += (1.0 - self._beta) * rate
        np.maximum(averages, NEVER, out=averages)
        self._slot += 1
        self._dead = 0 if rate else self._dead + 1
        if rate:
            self._serve(row, start, rate)

    def _serve(self, row: int, start: float, rate: float) -> None:
        job, left = self._jobs[row], float(self._left[row])
        seconds = min(self._slot_s, left / rate)
        self.send(job, start, seconds)
        self.hear(job, start, seconds)
        left -= rate * seconds
        self._left[row] = left
        if seconds < self._slot_s or left <= 0.0:
            self.done[job] = start + seconds
            self.remove(job)

    def _rates_now(self) -> np.ndarray:
        """The rate of every row in the present slot, [rows] [bit/s]."""
        chunk, place = divmod(self._slot, CHUNK)
        if chunk != self._chunk:
            if self._dead > PATIENCE:
                raise RunError(
                    f"no link carried anything for {self._dead * self._slot_s:.3g} s: raise the SNR, let outages be shorter "
                    f"than {PATIENCE} slots, or make slot_s longer"
                )
            self._chunk = chunk
            for job, row in self._rows.items():
                self._rates[:, row] = _speed(job, self._times())
        rates: np.ndarray = self._rates[place]
        return rates

    def _times(self) -> np.ndarray:
        """When the slots of the present chunk begin, [CHUNK] [s]."""
        return (self._chunk * CHUNK + np.arange(CHUNK)) * self._slot_s


def _speed(job: Job, times: np.ndarray) -> np.ndarray:
    if job.load.speed is None:
        raise ValueError("proportional fair scheduling needs to know how fast a link is")
    return job.load.speed(times)
