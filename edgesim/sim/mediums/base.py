"""The interface of a medium: the air that the links of one direction share."""

from abc import ABC, abstractmethod
from functools import partial
from math import ulp
from typing import ClassVar

import simpy

from edgesim.sim.account import Account
from edgesim.sim.census import Census
from edgesim.sim.discipline import Clock, Discipline, Job, Load
from edgesim.sim.ledger import Charge, Ledger, Wait
from edgesim.sim.meter import Meter


class Medium(ABC):
    """The air of one direction. Abstract: one final subclass a file; keyword-only parameters are its knobs.

    Event-driven: one wake-up is outstanding, for the end of the job that will be done next. While a load is in the medium,
    its sender transmits and its receiver receives during its own seconds on air only; the rest is waiting.

    ledger     of the world it belongs to, which begins anew with it
    direction  up or down
    clients    how many clients have a link of this direction
    key        of its random stream
    pausable   its time may stand still: it looks neither at channels nor at frames
    """

    pausable: ClassVar[bool] = True

    def __init__(self, ledger: Ledger, direction: str, clients: int, key: int) -> None:
        self.ledger = ledger
        self.direction = direction
        self.clients = clients
        self.key = key
        self._begin(self.discipline())
        ledger.mediums.append(self)

    @abstractmethod
    def discipline(self) -> Discipline | None:
        """How its seconds are dealt out, without any job yet; None: every link is alone."""

    def share(self, client: int) -> float:
        """Of the band, for the link of a client."""
        return 1.0

    def gain(self, client: int) -> float:
        """How much stronger its SNR is than over the whole band, where its power goes into its share alone."""
        return 1.0

    def open_s(self, now: float) -> float:
        """For how long the medium has been open until `now` [s]."""
        return now

    def when(self, open_s: float) -> float:
        """The first instant by which it has been open for so long [s]."""
        return open_s

    def _begin(self, discipline: Discipline | None) -> None:
        self._discipline = discipline
        self._clocks: dict[tuple[Meter, str, str], Clock] = {}
        self._wake_up: float | None = None  # when it is planned, and when the clock will have come to that
        self._wakes_s = 0.0
        self.census = Census(self.ledger.now)

    @property
    def shared(self) -> bool:
        """Whether links share its seconds."""
        return self._discipline is not None

    def restart(self, like: "Medium | None" = None) -> None:
        """Forget every job; take over from `like`, a medium without jobs, what outlives them."""
        remembers = like._discipline if like is not None else None
        self._begin(remembers.anew() if remembers is not None else self.discipline())

    def carry(self, load: Load, account: Account | None) -> Wait:
        """Send a load and come back when it has ended; its own seconds and its waiting are booked on `account`.

        Interrupted, it is charged for what had been on air until then.
        """
        discipline, ledger = self._discipline, self.ledger
        assert discipline is not None
        now, ends = ledger.now, (load.sender, load.receiver)
        clocks = (self._clock(load.sender, load.phase), self._clock(load.receiver, load.phase))
        job = Job(load, self.census.came, now, *clocks, ledger.env.event())
        self.census.enter(now)
        discipline.join(job, self.open_s(now))
        for charge, clock in zip(ends, clocks, strict=True):
            charge.meter.begin(now, load.phase, charge.state, charge.watts, clock)
        self._plan(discipline.next())
        try:
            yield job.done
        except simpy.Interrupt:
            if not job.done.triggered:
                discipline.leave(job, self.open_s(ledger.now))
                self._plan(discipline.next())
            self._end(job, account)
            raise
        self._end(job, account)

    def _clock(self, charge: Charge, phase: str) -> Clock:
        key = (charge.meter, phase, charge.state)
        clock = self._clocks.get(key)
        if clock is None:
            clock = self._clocks[key] = Clock(self._read)
        return clock

    def _read(self, clock: Clock, now: float) -> float:
        assert self._discipline is not None
        return self._discipline.read(clock, self.open_s(now))

    def _end(self, job: Job, account: Account | None) -> None:
        now, load = self.ledger.now, job.load
        self.census.leave(now, job.arrived)
        both = ((load.sender, load.own_s, job.sending), (load.receiver, load.heard_s, job.receiving))
        for charge, seconds, clock in both:
            charge.meter.end(now, load.phase, charge.state, charge.watts, seconds, clock)
        load.waited_s = max(0.0, now - job.arrived - load.own_s)
        if account is not None:
            account.add(load.phase, load.own_s)
            account.add("wait", load.waited_s)

    def _plan(self, ahead: tuple[float, Job | None] | None) -> None:
        """See to it that somebody wakes up when the next job is done; a wake-up that comes too early just plans again."""
        if ahead is None:
            return
        time = self.when(ahead[0])
        if self._wake_up is None or time < self._wake_up:
            assert self._discipline is not None
            self._wake_up = time
            self._wakes_s = self.ledger.at(time, partial(self._wake, time, self._discipline))

    def _wake(self, time: float, planned_by: Discipline) -> None:
        if time != self._wake_up or planned_by is not self._discipline:
            return  # a later plan was earlier, or another run began
        self._wake_up = None
        latest = self.ledger.now + 4.0 * ulp(self.ledger.now)
        while (ahead := planned_by.next()) is not None and self.when(ahead[0]) <= latest:
            until, job = ahead
            if job is None:
                planned_by.reach(until)
            else:
                planned_by.leave(job, until)
                job.done.succeed()
        self._plan(ahead)
