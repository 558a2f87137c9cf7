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
WIDEST = 3.0  # margin either way [Np]: a factor of 20
SLACK = 1.0 + 1e-9


class Size(NamedTuple):
    """What a choice makes of a step: bits up and down, and what the budget's ledger charges for both."""

    up_bits: float
    down_bits: float
    charged_bits: float


class Outlook(NamedTuple):
    """How the run stands: what is left of each limit, infinite where there is none, and the steps done by all clients."""

    bits_left: float
    seconds_left: float
    joules_left: float
    steps_done: int


@dataclass(slots=True)
class Seen:
    """What a pilot remembers.

    choice             the size under way
    up_bps, down_bps   rates of its client's last step, 0 before the first [bit/s]
    air_s, step_s      what the last step took in the air, and altogether [s]
    margin             by which the rates are not trusted [Np]
    seconds, joules    what a step of the run took last, of all clients on average
    """

    choice: int = 0
    up_bps: float = 0.0
    down_bps: float = 0.0
    air_s: float = 0.0
    step_s: float = 0.0
    margin: float = 0.0
    seconds: float = 0.0
    joules: float = 0.0


class Pilot(ABC):
    """Chooses among sizes. Abstract.

    sizes  from the least to the greatest
    look   says how the run stands; the world's
    """

    look: Callable[[], Outlook]

    def __init__(self, sizes: Sequence[Size]) -> None:
        self.sizes = tuple(sizes)
        self.seen = Seen()
        self._last: Outlook | None = None

    @abstractmethod
    def fits(self, choice: int, outlook: Outlook) -> bool:
        """Whether the next step may be of that size."""

    def choose(self) -> int:
        """The greatest size that fits as the run stands, else the least."""
        outlook = self.look()
        self._count(outlook)
        fitting = (choice for choice in reversed(range(len(self.sizes))) if self.fits(choice, outlook))
        self.seen.choice = next(fitting, 0)
        return self.seen.choice

    def saw(self, up_s: float, down_s: float, step_s: float) -> None:
        """The client's step took so long: in the air up and down, and altogether [s]."""
        size, seen = self.sizes[self.seen.choice], self.seen
        seen.up_bps, seen.down_bps = _rate(size.up_bits, up_s), _rate(size.down_bits, down_s)
        seen.air_s, seen.step_s = up_s + down_s, step_s

    def state(self) -> dict[str, list[float] | None]:
        """All that must survive a restart."""
        seen = [float(getattr(self.seen, name)) for name in Seen.__slots__]
        return {"seen": seen, "last": None if self._last is None else [float(value) for value in self._last]}

    def restore(self, state: dict[str, list[float] | None]) -> None:
        seen, last = state["seen"], state["last"]
        assert seen is not None
        self.seen = Seen(int(seen[0]), *seen[1:])
        self._last = None if last is None else Outlook(last[0], last[1], last[2], int(last[3]))

    def air(self, choice: int) -> float:
        """Seconds that a size would take in the air at the rates just seen; infinite before any was."""
        size, seen = self.sizes[choice], self.seen
        if not seen.step_s:
            return math.inf
        return _seconds(size.up_bits, seen.up_bps) + _seconds(size.down_bits, seen.down_bps)

    def _count(self, outlook: Outlook) -> None:
        """What steps cost since the last look."""
        before = self._last
        done = outlook.steps_done - before.steps_done if before is not None else 1
        if before is not None and done:
            took = [
                (then - now) / done if math.isfinite(now) else 0.0 for then, now in zip(before[1:3], outlook[1:3], strict=True)
            ]
            self.seen.seconds, self.seen.joules = took
        if done:
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
        is_late = self.seen.air_s > self._deadline_s
        margin = self.seen.margin + GAIN * (is_late - (1.0 - self._share))
        self.seen.margin = min(max(margin, -WIDEST), WIDEST)

    def fits(self, choice: int, outlook: Outlook) -> bool:
        return self.air(choice) * math.exp(self.seen.margin) <= self._deadline_s


class Thrifty(Pilot):
    """No step takes more than an even share of what is left of the budget for the steps to go.

    Bits follow from sizes; what framing adds to them shows in what is left. Seconds are those of the last step with its time in
    the air exchanged for what the size would take there; joules are in proportion to them.
    """

    def __init__(self, sizes: Sequence[Size], steps: int) -> None:
        super().__init__(sizes)
        self._steps = steps

    def fits(self, choice: int, outlook: Outlook) -> bool:
        to_go = max(1, self._steps - outlook.steps_done)
        spent = self.seen
        if self.sizes[choice].charged_bits * to_go > outlook.bits_left * SLACK:
            return False
        if math.isinf(outlook.seconds_left) and math.isinf(outlook.joules_left):
            return True
        if not spent.step_s:
            return False
        longer = 1.0 + (self.air(choice) - spent.air_s) / spent.step_s
        is_in_time = spent.seconds * longer * to_go <= outlook.seconds_left * SLACK
        return is_in_time and spent.joules * longer * to_go <= outlook.joules_left * SLACK


def _rate(bits: float, seconds: float) -> float:
    return bits / seconds if seconds else math.inf


def _seconds(bits: float, rate_bps: float) -> float:
    """Nothing takes no time, at any rate."""
    return bits / rate_bps if bits else 0.0
