"""Disciplines that are a course of events, each played as soon as nobody can change it any more."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import inf, nextafter
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
    def soonest(self) -> float:
        """A time which the end of no job comes before, and which is not before the next event begins [s]."""

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
    def blank(self) -> Self:
        """One by the same rules that has not begun."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """See `Discipline.state`."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """See `Discipline.restore`."""

    def anew(self) -> Self:
        """Another of its sort without jobs, which goes on as this one would without any."""
        twin = self.blank()
        twin.restore(self.state())
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

    An event is played once, when its beginning is over; what it decides is known then, and no job can have ended before.
    """

    def __init__(self, course: C) -> None:
        self._course = course

    def join(self, job: Job, now: float) -> None:
        self.reach(now)
        self._course.shares[job] = Share()
        self._course.add(job, now)

    def leave(self, job: Job, now: float) -> None:
        self.reach(now)
        if self._course.done.pop(job, None) is None:
            self._course.remove(job)
        share, load = self._course.shares.pop(job), job.load
        load.own_s = share.sent_s - _cut(job.sending, share.sends_s, now)
        load.heard_s = share.heard_s - _cut(job.receiving, share.hears_s, now)
        load.repeats, load.dropped = share.repeats, share.dropped

    def next(self) -> tuple[float, Job | None] | None:
        done, begins = self._course.done, self._course.begins()
        if done:
            job = min(done, key=lambda each: (done[each], each.number))
            return done[job], job
        return (max(self._course.soonest(), nextafter(begins, inf)), None) if begins < inf else None

    def read(self, clock: Clock, now: float) -> float:
        self.reach(now)
        return clock.seconds - max(0.0, clock.mark - now)

    def state(self) -> dict[str, Any]:
        return self._course.state()

    def restore(self, state: dict[str, Any]) -> None:
        self._course.restore(state)

    def anew(self) -> "Foreseen[C]":
        return Foreseen(self._course.anew())

    def reach(self, time: float) -> None:
        """Play what has begun before `time`."""
        course = self._course
        while course.begins() < time:
            course.event()
        for clock, seconds, until in course.aired:
            clock.seconds += seconds
            clock.mark = max(clock.mark, until)
        course.aired.clear()


def _cut(clock: Clock, until: float, now: float) -> float:
    """Seconds on air that are not to come because the job is interrupted [s]; the clock is set back."""
    seconds = max(0.0, until - now)
    if seconds:
        clock.seconds -= seconds
        clock.mark = now
    return seconds
