"""The only place where simulated time passes and the only place that charges for it."""

import math
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any, NamedTuple, Protocol

import simpy

from edgesim.rows import Block, Entry, Transfer
from edgesim.sim.account import PHASES, Account
from edgesim.sim.census import Census
from edgesim.sim.meter import IDLE, Meter
from edgesim.sim.sums import Places
from edgesim.sim.traffic import Traffic

Wait = Generator[simpy.Event, Any, None]


class Charge(NamedTuple):
    """What an activity adds to one device while it lasts: a power state and the watts above the device's base draw."""

    meter: Meter
    state: str
    watts: float


class Restarts(Protocol):
    """Whatever begins anew with its ledger: a medium. census: who has been in it, and for how long."""

    census: Census

    def restart(self, like: Any = None) -> None:
        """Forget everything but what `like`, its counterpart in a real world, remembers."""


class Ledger:
    """Clock, power meters and traffic of one simulated world.

    takes_many  whether whoever listens takes many lines at once, in `hear_transfers`
    """

    def __init__(self) -> None:
        self.env = simpy.Environment(initial_time=0.0)
        self.meters: list[Meter] = []
        self.mediums: list[Restarts] = []
        self.traffic = Traffic()
        self._places = Places.of((IDLE, *PHASES))  # in this order, whatever comes first
        self._hear_transfer: Callable[[Transfer], None] | None = None
        self.hear_transfers: Callable[[Block], None] | None = None
        self.takes_many = True

    def listen(
        self,
        entry: Callable[[Entry], None] | None,
        transfer: Callable[[Transfer], None] | None,
        transfers: Callable[[Block], None] | None = None,
    ) -> None:
        """From now on give every closed line of the book and every transfer to these; None keeps totals only.

        transfers  takes many at once; without it they come one by one
        """
        self._hear_transfer, self.hear_transfers = transfer, transfers
        self.takes_many = entry is None and (transfer is None or transfers is not None)
        for meter in self.meters:
            meter.listen(entry)

    @property
    def now(self) -> float:
        """Simulated time [s]."""
        return self.env.now

    @property
    def joules(self) -> float:
        """Energy drawn by all devices until now, idle energy included [J]."""
        now = self.now
        return sum(meter.joules_until(now) for meter in self.meters)

    def open(self, actor: str, base_w: float, tail_w: float = 0.0, tail_s: float = 0.0) -> Meter:
        """A power meter for a device that draws `base_w` watts whatever it does; see `Meter` for its radio's tail."""
        meter = Meter(actor, base_w, self.now, tail_w, tail_s, self._places)
        self.meters.append(meter)
        return meter

    def restart(self, now: float, like: "Ledger | None" = None) -> None:
        """Forget everything and begin again at `now`: a rehearsal uses the same ledger over and over.

        like  the ledger whose devices' radios are in the middle of their tails, and whose mediums remember something
        """
        self.env = simpy.Environment(initial_time=now)
        self.traffic = Traffic()
        for meter in self.meters:
            meter.restart(now)
        for mine, other in zip(self.meters, like.meters if like else (), strict=False):
            mine.resume(other)
        for medium, other_medium in zip_longest(self.mediums, like.mediums if like else ()):
            medium.restart(other_medium)

    def spend(self, phase: str, seconds: float, *charges: Charge, account: Account | None = None) -> Wait:
        """Let `seconds` [s] pass in `phase` while every charge is drawn; book them when they end.

        An interrupted activity is charged for the time it lasted.
        """
        env, cut = self.env, None
        start = env.now
        for meter, state, watts in charges:
            meter.begin(start, phase, state, watts)
        try:
            if seconds > 0.0:
                yield env.timeout(seconds)
        except simpy.Interrupt as interrupt:  # not `finally`: a generator that is merely collected must book nothing
            cut = interrupt
        now = env.now
        lasted = now - start
        for meter, state, watts in charges:
            meter.end(now, phase, state, watts, lasted)
        if account is not None:
            account.add(phase, lasted)
        if cut is not None:
            raise cut

    def at(self, time: float, callback: Callable[[], None]) -> float:
        """Call `callback` at `time` [s], which must not be over yet. It cannot be called off.

        Gives the instant that the clock will show then, which rounding may put beside `time`.
        """
        delay = max(0.0, time - self.now)
        wake_up = simpy.Timeout(self.env, delay)
        wake_up.callbacks.append(lambda _event: callback())
        return self.now + delay

    @contextmanager
    def put_back(self, now: float) -> Iterator[None]:
        """Meanwhile the clock stands at 0, where what is planned is not rounded; afterwards it stands at `now` [s]."""
        self.env = simpy.Environment(initial_time=0.0)
        yield
        if now > 0.0:
            self.env.run(until=now)

    def until(self, time: float) -> Wait:
        """Let the time pass until exactly `time` [s]; whatever happens meanwhile has been booked."""
        seconds = max(0.0, time - self.now)
        while self.now + seconds < time:
            seconds = math.nextafter(seconds, math.inf)
        yield from self.spend("idle", seconds)

    def post(self, transfer: Transfer) -> None:
        """Book one transfer."""
        self.traffic.add(transfer)
        if self._hear_transfer is not None:
            self._hear_transfer(transfer)

    def keeps_littles_law(self, tolerance: float = 1e-9) -> bool:
        """Whether L = lambda W in every shared medium until now."""
        return all(medium.census.holds(self.now, tolerance) for medium in self.mediums)

    def close(self) -> None:
        """Settle idle time up to now; call once, at the end of a run."""
        for meter in self.meters:
            meter.settle(self.now)
