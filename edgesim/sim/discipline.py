"""How the seconds of a shared medium are dealt out: loads, their clocks, and the interface of a discipline. Pure arithmetic."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from edgesim.sim.ledger import Charge

Speed = Callable[[np.ndarray], np.ndarray]  # instants [n] [s] -> how fast the link is at each [bit/s], [n]


@dataclass(slots=True)
class Load:
    """What a link brings to the medium, a transmission without a pause, and what became of it there.

    phase     what the devices are doing: uplink or downlink
    client    whose link it is
    air_s     seconds on air that it takes when it is alone [s]
    packets   of equal length that it is made of
    sure      how many of them, the first ones, must arrive whatever it takes
    sender, receiver  what both ends draw while they are on air
    bits      on air [bit]
    speed     of the link, for mediums that choose by it
    own_s     seconds that its sender was on air [s]
    heard_s   seconds that its receiver was [s]
    waited_s  all other seconds between its coming and its end [s]
    repeats   packets that were sent again, parts of one included
    dropped   numbers of the packets that the medium gave up
    """

    phase: str
    client: int
    air_s: float
    packets: int
    sure: int
    sender: Charge
    receiver: Charge
    bits: float = 0.0
    speed: Speed | None = None
    own_s: float = 0.0
    heard_s: float = 0.0
    waited_s: float = 0.0
    repeats: float = 0.0
    dropped: tuple[int, ...] = ()


class Clock:
    """How long the loads of one device, phase and state have been on air altogether [s].

    Called with the time now [s], which never goes back, it asks its medium.

    seconds        until the discipline last wrote it down
    running, mark  whatever the discipline needs to tell what has come since
    """

    __slots__ = ("_read", "mark", "running", "seconds")

    def __init__(self, read: Callable[["Clock", float], float]) -> None:
        self._read = read
        self.seconds = self.running = self.mark = 0.0

    def __call__(self, now: float) -> float:
        return self._read(self, now)


class Job:
    """A load in a shared medium; `sending` and `receiving` are the clocks of its ends, `mark` is the discipline's.

    number   of the job: who came first
    arrived  when it came [s]
    done     what to tell when it has ended
    """

    __slots__ = ("arrived", "done", "load", "mark", "number", "receiving", "sending")

    def __init__(self, load: Load, number: int, arrived: float, sending: Clock, receiving: Clock, done: Any = None) -> None:
        self.load = load
        self.number = number
        self.arrived = arrived
        self.sending = sending
        self.receiving = receiving
        self.done = done
        self.mark = 0.0


class Discipline(ABC):
    """Who is on the air when several want to be.

    Told of every job that joins or leaves; its time is that of the medium, which stands still while the medium is closed [s].
    """

    @abstractmethod
    def join(self, job: Job, now: float) -> None:
        """A job comes."""

    @abstractmethod
    def leave(self, job: Job, now: float) -> None:
        """A job goes, at its end or before; its load is told how long both ends were on air."""

    @abstractmethod
    def next(self) -> tuple[float, Job | None] | None:
        """When the next job will be done if nobody comes or goes before, and which; with None for it nobody is done before
        then, and it has to be asked again.
        """

    @abstractmethod
    def reach(self, time: float) -> None:
        """It is `time` now; no job has been done before."""

    @abstractmethod
    def read(self, clock: Clock, now: float) -> float:
        """What a clock shows [s]."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What it remembers when no job is there: numbers, texts, lists, arrays and mappings from text to such."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """Take up, without any job, where `state` of one of its sort was taken: to the last bit."""

    @abstractmethod
    def anew(self) -> Self:
        """Another of its sort, which remembers what this one does when no job is there."""
