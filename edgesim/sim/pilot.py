"""Who chooses how large a client's next message is: from what its last step took and what is left of the budget.

A pilot knows sizes, not tensors, and looks back, never ahead. Its choice is the same with tensors and without.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

GAIN = 0.2  # of a late step on the margin [Np]
CAUTION = 1.0  # margin to begin with [Np]
BOLDEST, SHIEST = -3.0, 7.0  # margin [Np]: rates may swing by a factor of 1000, and a good stretch is not relied on for ever
RECENT = 0.1  # least weight of the last step in the mean of what a bit takes
SLACK = 1.0 + 1e-9


class Size(NamedTuple):
    """What a choice makes of a step: bits up and down, and what the budget's ledger charges for both."""

    up_bits: float
    down_bits: float
    charged_bits: float


class Power(NamedTuple):
    """What is drawn whatever happens, and above that while the client sends up and while it is answered [W]."""

    base_w: float
    up_w: float
    down_w: float


class Outlook(NamedTuple):
    """How the run stands: what is left of each limit, infinite where there is none; the time; the steps done by all clients."""

    bits_left: float
    seconds_left: float
    joules_left: float
    now_s: float
    steps_done: int


@dataclass(slots=True)
class Seen:
    """What a pilot remembers.

    choice             the size under way
    up_s, down_s       what its client's last step took in the air [s]
    up_bps, down_bps   the rates of that, or a mean [bit/s]
    step_s             what that step took altogether, 0 before the first [s]
    margin             by which the rates are not trusted [Np]
    seconds, joules    what a step of the run took last, of all clients on average
    count              steps in the mean
    """

    choice: int = 0
    up_s: float = 0.0
    down_s: float = 0.0
    up_bps: float = 0.0
    down_bps: float = 0.0
    step_s: float = 0.0
    margin: float = 0.0
    seconds: float = 0.0
    joules: float = 0.0
    count: float = 0.0


class Pilot(ABC):
    """Chooses among sizes. Abstract.

    sizes    from the least to the greatest
    look     says how the run stands; the world's
    is_held  take the least: the step chosen would have broken a limit
    """

    look: Callable[[], Outlook]
    is_held = False

    def __init__(self, sizes: Sequence[Size]) -> None:
        self.sizes = tuple(sizes)
        self.seen = Seen()
        self._last: Outlook | None = None

    @abstractmethod
    def fits(self, choice: int, outlook: Outlook) -> bool:
        """Whether the next step may be of that size."""

    def holds(self) -> bool:
        """Whether it would rather take the least size than end the run."""
        return False

    def choose(self) -> int:
        """The greatest size that fits as the run stands, else the least."""
        outlook = self.look()
        self._count(outlook)
        fitting = (choice for choice in reversed(range(len(self.sizes))) if self.fits(choice, outlook))
        self.seen.choice = 0 if self.is_held else next(fitting, 0)
        return self.seen.choice

    def saw(self, up_s: float, down_s: float, step_s: float) -> None:
        """The client's step took so long: in the air up and down, and altogether [s]."""
        size, seen = self.sizes[self.seen.choice], self.seen
        seen.up_bps, seen.down_bps = _rate(size.up_bits, up_s), _rate(size.down_bits, down_s)
        seen.up_s, seen.down_s, seen.step_s = up_s, down_s, step_s

    def state(self) -> dict[str, list[float] | None]:
        """All that must survive a restart."""
        seen = [float(getattr(self.seen, name)) for name in Seen.__slots__]
        return {"seen": seen, "last": None if self._last is None else [float(value) for value in self._last]}

    def restore(self, state: dict[str, list[float] | None]) -> None:
        seen, last = state["seen"], state["last"]
        assert seen is not None
        self.seen = Seen(int(seen[0]), *seen[1:])
        self._last = None if last is None else Outlook(last[0], last[1], last[2], last[3], int(last[4]))

    def air(self, choice: int) -> tuple[float, float]:
        """Seconds that a size would take up and down at the rates just seen; infinite before any was."""
        size, seen = self.sizes[choice], self.seen
        if not seen.step_s:
            return math.inf, math.inf
        return _seconds(size.up_bits, seen.up_bps), _seconds(size.down_bits, seen.down_bps)

    def _count(self, outlook: Outlook) -> None:
        """What steps cost since the last look."""
        before = self._last
        done = outlook.steps_done - before.steps_done if before is not None else 0
        if before is not None and done:
            self.seen.seconds = (outlook.now_s - before.now_s) / done
            if math.isfinite(outlook.joules_left):
                self.seen.joules = (before.joules_left - outlook.joules_left) / done
        if before is None or done:
            self._last = outlook


class Punctual(Pilot):
    """Uplink and downlink of a step within a deadline, in a share of the steps (adaptive conformal inference).

    After every step the margin m moves by GAIN (late - (1 - share)), so that after n steps within its bounds the share of late
    ones is  1 - share + (m_n - m_0) / (GAIN n),  whatever the rates do (Gibbs and Candes, NeurIPS 2021, proposition 4.1). It
    begins cautious: as long as it does not need to be more so, no more steps are late than may be.
    """

    def __init__(self, sizes: Sequence[Size], deadline_s: float, share: float) -> None:
        super().__init__(sizes)
        self._deadline_s, self._share = deadline_s, share
        self.seen.margin = CAUTION

    def saw(self, up_s: float, down_s: float, step_s: float) -> None:
        super().saw(up_s, down_s, step_s)
        is_late = up_s + down_s > self._deadline_s
        margin = self.seen.margin + GAIN * (is_late - (1.0 - self._share))
        self.seen.margin = min(max(margin, BOLDEST), SHIEST)

    def fits(self, choice: int, outlook: Outlook) -> bool:
        return sum(self.air(choice)) * math.exp(self.seen.margin) <= self._deadline_s


class Thrifty(Pilot):
    """No step takes more than an even share of what is left of the budget for the steps to go.

    Bits follow from sizes; what framing adds to them shows in what is left. Seconds and joules are those that a step took last,
    with its time in the air, and the power drawn meanwhile, exchanged for what the size would take at the mean rate: a budget
    pays for what a bit takes on average. That is the mean over all steps, then a moving one of weight RECENT.

    power  what all devices draw
    """

    def __init__(self, sizes: Sequence[Size], steps: int, power: Power) -> None:
        super().__init__(sizes)
        self._steps, self._power = steps, power

    def holds(self) -> bool:
        return self.look().steps_done < self._steps

    def saw(self, up_s: float, down_s: float, step_s: float) -> None:
        seen = self.seen
        up_bps, down_bps = seen.up_bps, seen.down_bps
        super().saw(up_s, down_s, step_s)
        seen.count += 1.0
        weight = max(RECENT, 1.0 / seen.count)
        seen.up_bps = _mean_rate(up_bps, seen.up_bps, weight)
        seen.down_bps = _mean_rate(down_bps, seen.down_bps, weight)

    def fits(self, choice: int, outlook: Outlook) -> bool:
        to_go = max(1, self._steps - outlook.steps_done)
        if self.sizes[choice].charged_bits * to_go > outlook.bits_left * SLACK:
            return False
        if math.isinf(outlook.seconds_left) and math.isinf(outlook.joules_left):
            return True
        seen, power = self.seen, self._power
        if not seen.step_s:
            return False
        up_s, down_s = self.air(choice)
        more_up, more_down = up_s - seen.up_s, down_s - seen.down_s
        seconds = seen.seconds / seen.step_s * (more_up + more_down)  # of all clients' steps, on average
        joules = power.base_w * seconds + power.up_w * more_up + power.down_w * more_down
        is_in_time = (seen.seconds + seconds) * to_go <= outlook.seconds_left * SLACK
        return is_in_time and (seen.joules + joules) * to_go <= outlook.joules_left * SLACK


def _rate(bits: float, seconds: float) -> float:
    return bits / seconds if seconds else math.inf


def _mean_rate(before_bps: float, last_bps: float, weight: float) -> float:
    """Of two rates, by the seconds that a bit takes; the last has `weight`, all where it is 1 or no bit was sent."""
    if weight == 1.0 or not min(before_bps, last_bps):
        return last_bps
    return _rate(1.0, (1.0 - weight) / before_bps + weight / last_bps)


def _seconds(bits: float, rate_bps: float) -> float:
    """Nothing takes no time, at any rate."""
    return bits / rate_bps if bits else 0.0
