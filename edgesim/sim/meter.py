"""One device's power over time, integrated exactly at every change of state."""

from collections import defaultdict
from collections.abc import Callable

from edgesim.rows import Entry

IDLE = "idle"
TAIL = "tail"
ON_AIR = frozenset({"tx", "rx"})


class Meter:
    """The power states of one device tile its time line: one entry from each change of state to the next.

    Power is the base draw plus what each activity under way adds, so overlapping activities (receiving while computing) are
    charged once each. A stretch belongs to the phase of the activity that began first; with none it is idle.
    A radio with a tail stays awake for a while after it was last on air, which is the state `tail`, before it sleeps.

    base_w, tail_w, tail_s  draw whatever the device does [W], further draw in a tail [W], length of a tail [s]
    seconds, joules   totals by phase [s], [J]
    activity_joules   the same energy added up the other way, activity by activity, for the check that both agree [J]
    """

    def __init__(self, actor: str, base_w: float, now: float, tail_w: float = 0.0, tail_s: float = 0.0) -> None:
        self.actor = actor
        self.base_w = base_w
        self._tail_w = tail_w
        self._tail_s = tail_s
        self._hear: Callable[[Entry], None] | None = None
        self.restart(now)

    def listen(self, entry: Callable[[Entry], None] | None) -> None:
        """From now on give every closed stretch to `entry`."""
        self._hear = entry

    def restart(self, now: float) -> None:
        """Forget everything; the time line begins at `now`."""
        self.opened = self._since = now
        self.seconds: dict[str, float] = defaultdict(float)
        self.joules: dict[str, float] = defaultdict(float)
        self.busy_s: dict[str, float] = defaultdict(float)
        self.activity_joules = 0.0
        self._active: list[tuple[str, str, float, float]] = []  # phase, state, watts, start
        self._tail: tuple[float, float] | None = None  # since when, until when
        self._watts = self.base_w

    def resume(self, other: "Meter") -> None:
        """Take over the tail that `other` is in: a rehearsal begins in the middle of a run."""
        if other._tail is not None and other._tail[1] > self._since:
            self._tail = (self._since, other._tail[1])
            self._watts = self._draw()

    def begin(self, now: float, phase: str, state: str, watts: float) -> None:
        """An activity begins: `watts` above whatever is drawn already."""
        self.settle(now)
        if state in ON_AIR:
            self._end_tail(now)
        self._active.append((phase, state, watts, now))
        self._watts = self._draw()

    def end(self, now: float, phase: str, state: str, watts: float) -> None:
        """The oldest activity of that phase and state ends."""
        self.settle(now)
        mine = (place for place, item in enumerate(self._active) if item[:3] == (phase, state, watts))
        place = next(mine, None)
        if place is None:
            raise ValueError(f"{self.actor} ends {phase}/{state}, which it never began")
        began = self._active.pop(place)[3]
        self.activity_joules += watts * (now - began)
        self.busy_s[state] += now - began
        if self._tail_s and state in ON_AIR and not any(item[1] in ON_AIR for item in self._active):
            self._tail = (now, now + self._tail_s)
        self._watts = self._draw()

    def settle(self, now: float) -> None:
        """Close the stretch from the last change until `now`, and before that the tail if it has ended since."""
        if self._tail is not None and self._tail[1] <= now:
            self._close(self._tail[1])
            self._end_tail(self._tail[1])
        self._close(now)

    def _draw(self) -> float:
        """Power at this moment [W]."""
        return self.base_w + sum(item[2] for item in self._active) + (self._tail_w if self._tail else 0.0)

    def _end_tail(self, now: float) -> None:
        if self._tail is not None:
            self.activity_joules += self._tail_w * (now - self._tail[0])
            self.busy_s[TAIL] += now - self._tail[0]
            self._tail = None
            self._watts = self._draw()

    def _close(self, now: float) -> None:
        seconds = now - self._since
        if seconds <= 0.0:
            return
        phase = self._active[0][0] if self._active else IDLE
        joules = self._watts * seconds
        self.seconds[phase] += seconds
        self.joules[phase] += joules
        if self._hear is not None:
            states = {item[1] for item in self._active} | ({TAIL} if self._tail else set())
            self._hear(Entry(self._since, now, self.actor, phase, "+".join(sorted(states)) or IDLE, self._watts, joules))
        self._since = now

    def joules_until(self, now: float) -> float:
        """Energy drawn since the beginning [J]."""
        after_tail = max(0.0, now - self._tail[1]) if self._tail else 0.0
        return sum(self.joules.values()) + self._watts * (now - self._since) - self._tail_w * after_tail

    def tiles(self, now: float, tolerance: float = 1e-9) -> bool:
        """Whether the phases add up to the whole time line until `now` (after `settle`)."""
        span = now - self.opened
        return abs(sum(self.seconds.values()) - span) <= tolerance * max(span, 1.0)

    def adds_up(self, now: float, tolerance: float = 1e-9) -> bool:
        """Whether the stretches' energy equals base draw times time plus every activity's own energy (after `settle`)."""
        tail_s = now - self._tail[0] if self._tail else 0.0
        other_way = self.base_w * (now - self.opened) + self.activity_joules + self._tail_w * tail_s
        return abs(sum(self.joules.values()) - other_way) <= tolerance * max(other_way, 1.0)
