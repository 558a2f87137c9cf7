"""What a run may spend, and what it has spent."""

from dataclasses import dataclass, field
from typing import NamedTuple

from edgesim.sim.ledger import Ledger
from edgesim.wire import LedgerName

SLACK = 1e-12  # relative: sums of floats may land this much beside an exact limit
TIMELESS = frozenset({"bits", "steps", "rounds"})  # what a step spends of these does not depend on when it is taken


class Spent(NamedTuple):
    """Running totals. bits: under the ledger the budget counts."""

    bits: float = 0.0
    symbols: float = 0.0
    simulated_s: float = 0.0
    joules: float = 0.0
    steps: float = 0.0
    rounds: float = 0.0

    def plus(self, other: "Spent") -> "Spent":
        """Both together."""
        return Spent(*(mine + its for mine, its in zip(self, other, strict=True)))


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits, None where there is none; the first that would be exceeded ends the run.

    ledger  whose bits `bits` counts: paper, code or wire
    """

    ledger: LedgerName = "paper"
    bits: float | None = None
    symbols: float | None = None
    simulated_s: float | None = None
    joules: float | None = None
    steps: float | None = None
    rounds: float | None = None
    limits: dict[str, float] = field(init=False, repr=False, compare=False)  # those that are set; asked for in every step

    def __post_init__(self) -> None:
        named = {name: getattr(self, name) for name in Spent._fields}
        object.__setattr__(self, "limits", {name: limit for name, limit in named.items() if limit is not None})

    @property
    def timeless(self) -> bool:
        """Whether a step costs the same whenever it is taken (payload bits and steps only)."""
        return self.limits.keys() <= TIMELESS and self.ledger != "wire"

    @property
    def in_rounds(self) -> bool:
        """Whether only the number of rounds is limited, so that nothing else need be known beforehand."""
        return self.limits.keys() == {"rounds"}

    def used_up(self, rounds: int) -> str | None:
        """`rounds` where as many have been done as may be."""
        return "rounds" if self.rounds is not None and rounds >= self.rounds else None

    def spent(self, ledger: Ledger, steps: int, rounds: int = 0) -> Spent:
        """Totals of a world until now."""
        traffic = ledger.traffic
        return Spent(traffic.bits(self.ledger), traffic.symbols, ledger.now, ledger.joules, steps, rounds)

    def exceeded(self, spent: Spent) -> str | None:
        """The first limit that `spent` would break, or None."""
        for name, limit in self.limits.items():
            if getattr(spent, name) > limit * (1.0 + SLACK):
                return name
        return None

    def fraction(self, spent: Spent) -> float:
        """How much of the scarcest limit is used, 0 to 1."""
        return max((getattr(spent, name) / limit for name, limit in self.limits.items()), default=0.0)
