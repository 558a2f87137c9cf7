"""One device's power over time, integrated exactly at every change of state."""

from collections import defaultdict
from collections.abc import Callable

from edgesim.rows import Entry

IDLE = "idle"


class Meter:
    """The power states of one device tile its time line: one entry from each change of state to the next.

    Power is the base draw plus what each activity under way adds, so overlapping activities (receiving while computing) are
    charged once each. A stretch belongs to the phase of the activity that began first; with none it is idle.

    seconds, joules   totals by phase [s], [J]
    activity_joules   the same energy added up the other way, activity by activity, for the check that both agree [J]
    """

    def __init__(self, actor: str, base_w: float, now: float) -> None:
        self.actor = actor
        self.base_w = base_w
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
        self._watts = self.base_w

    def begin(self, now: float, phase: str, state: str, watts: float) -> None:
        """An activity begins: `watts` above whatever is drawn already."""
        self.settle(now)
        self._active.append((phase, state, watts, now))
        self._watts += watts

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
        self._watts = self.base_w + sum(item[2] for item in self._active)

    def settle(self, now: float) -> None:
        """Close the stretch from the last change until `now`."""
        seconds = now - self._since
        if seconds <= 0.0:
            return
        phase = self._active[0][0] if self._active else IDLE
        joules = self._watts * seconds
        self.seconds[phase] += seconds
        self.joules[phase] += joules
        if self._hear is not None:
            state = "+".join(sorted({item[1] for item in self._active})) or IDLE
            self._hear(Entry(self._since, now, self.actor, phase, state, self._watts, joules))
        self._since = now

    def joules_until(self, now: float) -> float:
        """Energy drawn since the beginning [J]."""
        return sum(self.joules.values()) + self._watts * (now - self._since)

    def tiles(self, now: float, tolerance: float = 1e-9) -> bool:
        """Whether the phases add up to the whole time line until `now` (after `settle`)."""
        span = now - self.opened
        return abs(sum(self.seconds.values()) - span) <= tolerance * max(span, 1.0)

    def adds_up(self, now: float, tolerance: float = 1e-9) -> bool:
        """Whether the stretches' energy equals base draw times time plus every activity's own energy (after `settle`)."""
        other_way = self.base_w * (now - self.opened) + self.activity_joules
        return abs(sum(self.joules.values()) - other_way) <= tolerance * max(other_way, 1.0)
