"""Proportional fair scheduling: each slot to whoever is fastest compared with what it usually gets."""

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
    """Proportional fair scheduling (phy.md 13): a slot goes to the client whose rate R is largest relative to its average T.

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

    slot_s, beta  as in `ProportionalFair`
    """

    def __init__(self, slot_s: float, beta: float) -> None:
        super().__init__()
        self._slot_s = slot_s
        self._beta = beta
        self._slot = 0  # the next to be given away
        self._left: dict[Job, float] = {}  # bits that are still to be sent
        self._averages: dict[int, float] = {}  # T of each client that ever sent [bit/s]
        self._rates = np.zeros((0, 0))  # [jobs, CHUNK] of the slots from `_first` on [bit/s]
        self._first = 0
        self._dead = 0  # slots in which nobody could send

    def copy(self) -> Self:
        twin = super().copy()
        twin._left = dict(self._left)
        twin._averages = dict(self._averages)
        return twin

    def state(self) -> dict[str, Any]:
        clients, averages = np.array(list(self._averages), dtype=np.int64), np.array(list(self._averages.values()))
        return {"slot": self._slot, "dead": self._dead, "clients": clients, "averages": averages}

    def restore(self, state: dict[str, Any]) -> None:
        self._slot, self._dead = state["slot"], state["dead"]
        self._averages = dict(zip(state["clients"].tolist(), state["averages"].tolist(), strict=True))

    def begins(self) -> float:
        return self._slot * self._slot_s if self._left else inf

    def add(self, job: Job, now: float) -> None:
        self._slot = max(self._slot, ceil(now / self._slot_s - 1e-9))
        self._left[job] = job.load.bits
        self._rates = self._rates[:0]

    def remove(self, job: Job) -> None:
        del self._left[job]
        self._rates = self._rates[:0]

    def event(self) -> None:
        jobs, rates = list(self._left), self._rates_now()
        start = self._slot * self._slot_s
        averages = np.array(
            [self._averages.setdefault(job.load.client, max(float(rate), NEVER)) for job, rate in zip(jobs, rates, strict=True)]
        )
        place = int(np.argmax(rates / averages))
        rate, chosen = float(rates[place]), jobs[place]
        averages *= self._beta
        averages[place] += (1.0 - self._beta) * rate
        for job, average in zip(jobs, averages.tolist(), strict=True):
            self._averages[job.load.client] = max(average, NEVER)
        self._slot += 1
        self._dead = 0 if rate else self._dead + 1
        if rate:
            self._serve(chosen, start, rate)

    def _serve(self, job: Job, start: float, rate: float) -> None:
        seconds = min(self._slot_s, self._left[job] / rate)
        self.send(job, start, seconds)
        self.hear(job, start, seconds)
        self._left[job] -= rate * seconds
        if seconds < self._slot_s or self._left[job] <= 0.0:
            self.done[job] = start + seconds
            self.remove(job)

    def _rates_now(self) -> np.ndarray:
        """The rate of every job in the present slot, [jobs] [bit/s]."""
        if not len(self._rates) or self._slot >= self._first + CHUNK:
            if self._dead > PATIENCE:
                raise RunError(
                    f"no link carried anything for {self._dead * self._slot_s:.3g} s: raise the SNR, let outages be shorter "
                    f"than {PATIENCE} slots, or make slot_s longer"
                )
            self._first = self._slot
            times = (self._first + np.arange(CHUNK)) * self._slot_s
            self._rates = np.stack([_speed(job, times) for job in self._left])
        rates: np.ndarray = self._rates[:, self._slot - self._first]
        return rates


def _speed(job: Job, times: np.ndarray) -> np.ndarray:
    if job.load.speed is None:
        raise ValueError("proportional fair scheduling needs to know how fast a link is")
    return job.load.speed(times)
