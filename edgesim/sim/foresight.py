"""Disciplines whose future is played through: on a copy to know when the next job ends, and for good as time goes by."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from math import inf
from typing import Any, Generic, Self, TypeVar

from edgesim.sim.discipline import Clock, Discipline, Job


@dataclass(slots=True)
class Share:
    """What became of a job so far.

    sent_s, heard_s    seconds on air of its sender, and of its receiver, who hears a collision once [s]
    sends_s, hears_s   until when they are or were on air [s]
    repeats, dropped   as in `Load`
    """

    sent_s: float = 0.0
    heard_s: float = 0.0
    sends_s: float = 0.0
    hears_s: float = 0.0
    repeats: float = 0.0
    dropped: tuple[int, ...] = ()


class Course(ABC):
    """The state of a medium whose next event is a function of the state alone. Abstract.

    shares  what became of every job that has not been taken out
    done    jobs that have come to their end, and when [s]
    aired   (clock, seconds, until when) on air since somebody last wrote it down
    """

    def __init__(self) -> None:
        self.shares: dict[Job, Share] = {}
        self.done: dict[Job, float] = {}
        self.aired: list[tuple[Clock, float, float]] = []

    @abstractmethod
    def begins(self) -> float:
        """When the next event begins, which nobody can change any more once it has begun [s]; inf: never."""

    @abstractmethod
    def event(self) -> None:
        """Play the next event."""

    @abstractmethod
    def add(self, job: Job, now: float) -> None:
        """A job comes."""

    @abstractmethod
    def remove(self, job: Job) -> None:
        """A job that is not done goes."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """See `Discipline.state`."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """See `Discipline.restore`."""

    def copy(self) -> Self:
        """Another state that goes the same way: its containers are its own, jobs and clocks are not."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin.shares = {job: replace(share) for job, share in self.shares.items()}
        twin.done = dict(self.done)
        twin.aired = [*self.aired]
        return twin

    def send(self, job: Job, start: float, seconds: float) -> None:
        """The sender of a job is on air."""
        share = self.shares[job]
        share.sent_s += seconds
        share.sends_s = start + seconds
        self.aired.append((job.sending, seconds, share.sends_s))

    def hear(self, job: Job, start: float, seconds: float) -> None:
        """The receiver of a job is on air."""
        share = self.shares[job]
        share.heard_s += seconds
        share.hears_s = start + seconds
        self.aired.append((job.receiving, seconds, share.hears_s))


C = TypeVar("C", bound=Course)


class Foreseen(Discipline, Generic[C]):
    """A discipline that is a course of events.

    Every event is played at most twice: once ahead, to find the next end, and once more if somebody comes before it.
    """

    def __init__(self, course: C) -> None:
        self._course = course
        self._ahead: C | None = None  # the course as it will be when the next job is done, if nobody comes or goes before
        self._behind = False  # whether the course has moved since it was copied

    def join(self, job: Job, now: float) -> None:
        self._catch_up(now)
        self._course.shares[job] = Share()
        self._course.add(job, now)
        self._ahead = None

    def leave(self, job: Job, now: float) -> None:
        if self._ahead is not None and not self._behind and self._ahead.done.get(job, inf) <= now:
            self._course = self._ahead
            self._note()
        else:
            self._catch_up(now)
        self._ahead = None
        if self._course.done.pop(job, None) is None:
            self._course.remove(job)
        share, load = self._course.shares.pop(job), job.load
        load.own_s = share.sent_s - _cut(job.sending, share.sends_s, now)
        load.heard_s = share.heard_s - _cut(job.receiving, share.hears_s, now)
        load.repeats, load.dropped = share.repeats, share.dropped

    def next(self) -> tuple[float, Job] | None:
        if not self._course.done and self._ahead is None:
            self._ahead, self._behind = self._course.copy(), False
            while not self._ahead.done and self._ahead.begins() < inf:
                self._ahead.event()
        done = self._course.done or (self._ahead.done if self._ahead is not None else {})
        if not done:
            return None
        job = min(done, key=lambda each: (done[each], each.number))
        return done[job], job

    def read(self, clock: Clock, now: float) -> float:
        self._catch_up(now)
        return clock.seconds - max(0.0, clock.mark - now)

    def state(self) -> dict[str, Any]:
        return self._course.state()

    def restore(self, state: dict[str, Any]) -> None:
        self._course.restore(state)

    def anew(self) -> "Foreseen[C]":
        return Foreseen(self._course.copy())

    def _catch_up(self, now: float) -> None:
        """Play what has begun before `now`."""
        while self._course.begins() < now:
            self._course.event()
            self._behind = True
        self._note()

    def _note(self) -> None:
        for clock, seconds, until in self._course.aired:
            clock.seconds += seconds
            clock.mark = max(clock.mark, until)
        self._course.aired.clear()


def _cut(clock: Clock, until: float, now: float) -> float:
    """Seconds on air that are not to come because the job is interrupted [s]; the clock is set back."""
    seconds = max(0.0, until - now)
    if seconds:
        clock.seconds -= seconds
        clock.mark = now
    return seconds
