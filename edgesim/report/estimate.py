"""A mean over seeds and what is known of it."""

import math
from collections.abc import Sequence
from typing import NamedTuple

CONFIDENCE = 0.95
ROUNDING = 1e-12  # an interval this narrow beside its mean is the rounding of sums, such as that of xi over equal steps
MISSING = "-"  # what stands where there is nothing to show


class Estimate(NamedTuple):
    """A mean over seeds. half: half the width of its interval, None for a single seed; n: seeds."""

    mean: float
    half: float | None
    n: int


def estimate(values: Sequence[float]) -> Estimate:
    """Mean and two-sided Student-t interval: half = t(0.975; n - 1) s / sqrt(n), s with n - 1 in its denominator."""
    from scipy.special import stdtrit

    n = len(values)
    mean = math.fsum(values) / n
    if n == 1:
        return Estimate(mean, None, 1)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    return Estimate(mean, float(stdtrit(n - 1, (1.0 + CONFIDENCE) / 2.0)) * deviation / math.sqrt(n), n)


def interval(values: Sequence[float]) -> dict[str, float | int | None]:
    """The estimate as columns of a table: n, mean, and the interval's ends low and high, None for a single seed."""
    mean, half, n = estimate(values)
    return {"n": n, "mean": mean, "low": None if half is None else mean - half, "high": None if half is None else mean + half}


def digits(found: Estimate | None, sign: str = "+-", *, signed: bool = False) -> str:
    """The mean to the digit in which the interval has its second, such as 0.9639 +- 0.0021; four digits without one."""
    if found is None:
        return MISSING
    plus = "+" if signed else ""
    if found.half is None or not ROUNDING * abs(found.mean) < found.half < math.inf:
        return f"{found.mean:{plus}.4g}"
    places = 1 - math.floor(math.log10(found.half))
    if abs(found.mean) >= 1e6 or places > 6:
        return f"{found.mean:{plus}.4g} {sign} {found.half:.2g}"
    return f"{found.mean:{plus}.{max(places, 0)}f} {sign} {found.half:.{max(places, 0)}f}"
