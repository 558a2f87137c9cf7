"""One device's power over time, integrated exactly at every change of state."""

import math
from collections.abc import Callable
from operator import attrgetter

from edgesim.rows import Entry
from edgesim.sim.sums import BUSY_S, JOULES, SECONDS, Places, Sums

IDLE, OFF = "idle", "off"
TAIL = "tail"
ON_AIR = frozenset({"tx", "rx"})
PROMOTION = "promotion"  # a radio that slept connects to its network
_NOT_YET = -math.inf  # s, one number for all meters

AirClock = Callable[[float], float]  # now [s] -> seconds that activities have been on air so far


class _Sort:
    """Activities of one sort under way: how many, since when [s], and what their common air clock last showed [s]."""

    __slots__ = ("clock", "count", "phase", "seen", "since", "state", "watts")

    def __init__(self, phase: str, state: str, watts: float, clock: AirClock | None, now: float) -> None:
        self.phase = phase
        self.state = state
        self.watts = watts
        self.clock = clock
        self.count = 1
        self.since = now
        self.seen = 0.0 if clock is None else clock(now)


_by_phase, _since = attrgetter("phase", "state"), attrgetter("since")


class Meter:
    """The power states of one device tile its time line: one entry from each change of state to the next.

    Power is the base draw plus what each activity under way adds, so overlapping activities (receiving while computing) are
    charged once each. A stretch belongs to the phase that has been under way longest, of those begun at the same instant to the
    first by name; with none it is idle.
    An activity in a shared medium comes with an air clock and is charged for its own seconds on air, not for waiting between.
    A radio with a tail stays awake for a while after it was last on air, which is the state `tail`, before it sleeps; while a
    message of its is in a shared medium it is awake too.

    base_w, tail_w, tail_s  draw whatever the device does [W], further draw in a tail [W], length of a tail [s]
    places            of names in the sums, which the meters of a ledger share
    connected_s       when its radio's latest promotion is over [s]
    activity_joules   the same energy added up the other way, activity by activity, for the check that both agree [J]
    """

    __slots__ = (
        "_active", "_alone", "_clocks", "_hear", "_joules", "_phase", "_plain", "_since", "_sums", "_tail", "_tail_s",
        "_tail_w", "_watts", "activity_joules", "actor", "base_w", "connected_s", "opened",
    )  # fmt: skip

    def __init__(
        self, actor: str, base_w: float, now: float, tail_w: float = 0.0, tail_s: float = 0.0, places: Places | None = None
    ) -> None:
        self.actor = actor
        self.base_w = base_w
        self._tail_w = tail_w
        self._tail_s = tail_s
        self._sums = Sums(Places() if places is None else places)
        self._hear: Callable[[Entry], None] | None = None
        self.restart(now)

    def listen(self, entry: Callable[[Entry], None] | None) -> None:
        """From now on give every closed stretch to `entry`."""
        self._hear = entry
        self._changed()

    def restart(self, now: float) -> None:
        """Forget everything; the time line begins at `now`."""
        self.opened = self._since = now
        self._sums = self._sums.anew()
        self._joules = 0.0  # of all stretches in the sums
        self.activity_joules = 0.0
        self._alone: tuple[float, str, str, float] | None = None  # since when, phase, state, watts of an only activity
        self._active: tuple[_Sort, ...] = ()  # otherwise, by phase. Few: searched one by one, which is faster than hashing
        self._tail: tuple[float, float] | None = None  # since when, until when
        self.connected_s = _NOT_YET
        self._changed()

    @property
    def seconds(self) -> dict[str, float]:
        """How long it was in each phase, up to the latest change [s]."""
        return self._sums.by_name(SECONDS, where=SECONDS)

    @property
    def joules(self) -> dict[str, float]:
        """What it drew in each phase, up to the latest change [J]."""
        return self._sums.by_name(JOULES, where=SECONDS)

    @property
    def busy_s(self) -> dict[str, float]:
        """How long it was in each state, by the activities that have ended [s]."""
        return self._sums.by_name(BUSY_S, where=BUSY_S)

    def resume(self, other: "Meter") -> None:
        """Take over the tail that `other` is in: a rehearsal begins in the middle of a run."""
        if other._tail is not None and other._tail[1] > self._since:
            self._tail = (self._since, other._tail[1])
            self._changed()

    def asleep(self, now: float) -> bool:
        """Whether its radio has to connect before it can send or receive: neither on air nor connecting, and no tail left."""
        busy = any(sort.state in ON_AIR or sort.state == PROMOTION for sort in self._active)
        return not busy and (self._tail is None or self._tail[1] <= now)

    def begin(self, now: float, phase: str, state: str, watts: float, clock: AirClock | None = None) -> None:
        """An activity begins: `watts` above whatever is drawn already, by the seconds of `clock` if it has one.

        Activities of a phase and state that overlap share one clock, which adds up the air of them all.
        """
        if not self._active and self._alone is None and clock is None and not self._tail_s:
            self._alone = (now, phase, state, watts)
            return
        if self._alone is not None:
            self._unfold()
        if now > self._since:
            self.settle(now)
        if self._tail_s and state in ON_AIR:
            self._wake(now, clock is not None)
        self._add(now, phase, state, watts, clock)

    def _add(self, now: float, phase: str, state: str, watts: float, clock: AirClock | None) -> None:
        for sort in self._active:
            if sort.state == state and sort.phase == phase and sort.watts == watts and sort.clock is clock:
                sort.count += 1
                if clock is None:
                    self._watts = self._power()
                return
        self._active = tuple(sorted((*self._active, _Sort(phase, state, watts, clock, now)), key=_by_phase))
        self._changed()

    def end(self, now: float, phase: str, state: str, watts: float, seconds: float, clock: AirClock | None = None) -> None:
        """An activity ends that lasted `seconds` [s], by its own share of the clock if it has one.

        Raises ValueError if none is under way.
        """
        self.activity_joules += watts * seconds
        self._sums.add(state, BUSY_S, seconds)
        alone = self._alone
        if alone is not None:
            if alone[1] != phase or alone[2] != state or alone[3] != watts:
                raise ValueError(f"{self.actor} ends {phase}/{state}, which it never began")
            began = alone[0]
            self._alone = None
            if began > self._since:
                self._book(began, IDLE, IDLE, self.base_w)
            if now > began:
                self._book(now, phase, state, self.base_w + watts)
            return
        if now > self._since:
            self.settle(now)
        for sort in self._active:
            if sort.state == state and sort.phase == phase and sort.watts == watts and sort.clock is clock:
                break
        else:
            raise ValueError(f"{self.actor} ends {phase}/{state}, which it never began")
        sort.count -= 1
        if not sort.count:
            self._active = tuple([other for other in self._active if other is not sort])
            if self._tail_s and state in ON_AIR:
                self._doze(now)
            self._changed()
        elif clock is None:
            self._watts = self._power()
        if self._tail_s and clock is not None:
            self.activity_joules -= self._tail_w * seconds  # awake anyway: not on top of that

    def off(self, now: float) -> None:
        """From `now` [s] on it draws nothing, until its activity OFF of minus `base_w` ends."""
        self.settle(now)
        self._end_tail(now)
        self.begin(now, OFF, OFF, -self.base_w)

    def _unfold(self) -> None:
        """The activity that was alone is one among others, or somebody wants to know."""
        if self._alone is not None:
            began, phase, state, watts = self._alone
            self._alone = None
            self.settle(began)
            self._add(began, phase, state, watts, None)

    def _book(self, until: float, phase: str, state: str, watts: float) -> None:
        """A stretch in which nothing changed and no air clock ran."""
        since = self._since
        seconds = until - since
        joules = watts * seconds
        self._joules += joules
        self._sums.add_stretch(phase, seconds, joules)
        if self._hear is not None:
            self._hear(Entry(since, until, self.actor, phase, state, watts, joules))
        self._since = until

    def settle(self, now: float) -> None:
        """Close the stretch from the last change until `now`, and before that the tail if it has ended since."""
        if self._plain and self._alone is None:
            self._book(now, self._phase, "", self._watts)
            return
        if self._alone is not None:
            self._unfold()
        if self._tail is not None and self._tail[1] <= now:
            self._close(self._tail[1])
            self._end_tail(self._tail[1])
            self._changed()
        self._close(now)

    def _changed(self) -> None:
        """A sort of activities began or ended."""
        active = self._active
        self._watts = self._power()
        self._clocks = any(sort.clock is not None for sort in active)
        self._plain = not self._clocks and self._tail is None and self._hear is None  # nothing but the power need be known
        self._phase = min(active, key=_since).phase if active else IDLE

    def _power(self) -> float:
        """Of everything without an air clock, added up anew and in the same order every time: no rounding is left behind."""
        watts = self.base_w if self._tail is None else self.base_w + self._tail_w
        for sort in self._active:
            if sort.clock is None:
                watts += sort.count * sort.watts
        return watts

    def _wake(self, now: float, shared: bool) -> None:
        """The radio goes on air: alone, which ends its tail, or in a shared medium, where it stays awake between."""
        if shared:
            self._plain = False
            self._tail = (self._tail[0] if self._tail else now, math.inf)
        elif self._tail is not None and self._tail[1] < math.inf:
            self._end_tail(now)

    def _doze(self, now: float) -> None:
        """A tail begins if the radio has just been on air for the last time, and was not switched off."""
        if not any(sort.state in ON_AIR or sort.state == OFF for sort in self._active):
            self._tail = (self._tail[0] if self._tail else now, now + self._tail_s)

    def _end_tail(self, now: float) -> None:
        if self._tail is not None:
            self.activity_joules += self._tail_w * (now - self._tail[0])
            self._sums.add(TAIL, BUSY_S, now - self._tail[0])
            self._tail = None

    def _aired(self, now: float, note: bool) -> float:
        """Energy of the activities with an air clock since it was last noted [J]."""
        joules = 0.0
        for sort in self._active:
            if sort.clock is not None:
                shown = sort.clock(now)
                joules += (sort.watts - self._tail_w if self._tail_s else sort.watts) * (shown - sort.seen)
                if note:
                    sort.seen = shown
        return joules

    def _close(self, now: float) -> None:
        seconds = now - self._since
        if seconds <= 0.0:
            return
        watts = self._watts
        if self._clocks:
            watts += self._aired(now, note=True) / seconds
        self._book(now, self._phase, self._state() if self._hear is not None else "", watts)

    def _state(self) -> str:
        """The name of everything under way together."""
        states = {sort.state for sort in self._active} | ({TAIL} if self._tail else set())
        return "+".join(sorted(states)) or IDLE

    def joules_until(self, now: float) -> float:
        """Energy drawn since the beginning [J]."""
        self._unfold()
        after_tail = max(0.0, now - self._tail[1]) if self._tail else 0.0
        since = self._watts * (now - self._since) - self._tail_w * after_tail
        return self._joules + since + (self._aired(now, note=False) if self._clocks else 0.0)

    def tiles(self, now: float, tolerance: float = 1e-9) -> bool:
        """Whether the phases add up to the whole time line until `now` (after `settle`)."""
        span = now - self.opened
        return abs(sum(self.seconds.values()) - span) <= tolerance * max(span, 1.0)

    def adds_up(self, now: float, tolerance: float = 1e-9) -> bool:
        """Whether the stretches' energy equals base draw times time plus every activity's own energy (after `settle`).

        For activities that have ended.
        """
        tail_s = now - self._tail[0] if self._tail else 0.0
        other_way = self.base_w * (now - self.opened) + self.activity_joules + self._tail_w * tail_s
        return abs(sum(self.joules.values()) - other_way) <= tolerance * max(other_way, 1.0)
