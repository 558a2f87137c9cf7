"""Closed forms for quantiser levels against compression.md 7, oracle 11, and allocations against an exhaustive search."""

import itertools

import pytest
import torch

from edgesim.codecs.parts.levels import optimal_levels, shifted_widths, widths_for_ranges

GOLDEN = {0.01: 1.2309, 1.0: 2.3247, 6.75: 4.0, 7.0: 4.0489, 100.0: 11.467, 1e4: 101.496}


@pytest.mark.parametrize("a", GOLDEN)
def test_golden_levels(a: float) -> None:
    [levels] = optimal_levels(torch.tensor([a], dtype=torch.float64)).tolist()
    assert levels == pytest.approx(GOLDEN[a], rel=5e-5)


def test_levels_solve_their_equation_and_are_smooth_where_the_branches_meet() -> None:
    a = torch.logspace(-6, 9, 400, dtype=torch.float64)
    levels = optimal_levels(a)
    torch.testing.assert_close((levels - 1).pow(3) / levels, a, rtol=1e-6, atol=0.0)
    around = optimal_levels(torch.tensor([27 / 4 - 1e-9, 27 / 4 + 1e-9], dtype=torch.float64))
    assert abs(float(around[1] - around[0])) < 1e-7


def test_levels_are_the_stationary_point() -> None:
    """d/dQ [rho^2 / (4 (Q - 1)^2)] = -mu d/dQ [ln Q] with the same mu for all columns, at the levels of one kappa."""
    ranges = torch.tensor([0.5, 1.0, 7.0, 40.0], dtype=torch.float64)
    levels = optimal_levels(3.0 * ranges.square())
    multipliers = ranges.square() / (2 * (levels - 1).pow(3)) * levels
    torch.testing.assert_close(multipliers, multipliers[:1].expand(4))


def error(ranges: list[float], widths: tuple[int, ...]) -> float:
    return sum(rho**2 / (2.0**width - 1) ** 2 for rho, width in zip(ranges, widths, strict=True))


@pytest.mark.parametrize("ranges", [[1.0, 1.0, 1.0], [9.0, 3.0, 1.0], [100.0, 1.0, 0.9], [5.0, 4.9, 0.01]])
@pytest.mark.parametrize("budget", [3, 7, 12])
def test_widths_are_near_the_best_of_all(ranges: list[float], budget: int) -> None:
    """Whole bits may cost a factor: 4 is what one bit more or less does to the error of a column."""
    widths = widths_for_ranges(torch.tensor(ranges, dtype=torch.float64), budget)
    assert int(widths.sum()) == budget
    best = min(error(ranges, each) for each in itertools.product(range(1, 13), repeat=len(ranges)) if sum(each) <= budget)
    assert error(ranges, tuple(widths.tolist())) <= 4.0 * best


def test_widths_grow_by_a_bit_with_twice_the_range() -> None:
    """High-rate theory: equal errors, so log2 of the range ratio in bits."""
    widths = widths_for_ranges(torch.tensor([1.0, 2.0, 4.0, 8.0], dtype=torch.float64), 4 * 6 + 6)
    assert widths.tolist() == [6, 7, 8, 9]


def test_too_small_a_budget_is_refused() -> None:
    with pytest.raises(ValueError, match="3 columns need at least a bit each, but the budget is 2"):
        widths_for_ranges(torch.ones(3, dtype=torch.float64), 2)


def test_shifted_widths_keep_distances_and_fill_the_budget() -> None:
    wanted = torch.tensor([2.0, 4.0, 7.0], dtype=torch.float64)
    counts = torch.tensor([10, 5, 3])
    exact = 10 * 3 + 5 * 5 + 3 * 8
    assert shifted_widths(wanted, counts, exact).tolist() == [3, 5, 8]  # wanted + 1
    assert shifted_widths(wanted, counts, exact + 4).tolist() == [3, 5, 9]  # 3 of the 4 left over
    assert shifted_widths(wanted, counts, 0).tolist() == [0, 0, 0]
    assert shifted_widths(wanted, counts, 10**6).tolist() == [15, 15, 15]


@pytest.mark.parametrize("budget", range(0, 200, 7))
def test_shifted_widths_never_exceed_the_budget(budget: int) -> None:
    wanted = torch.tensor([2.0, 2.0, 3.3, 8.0], dtype=torch.float64)
    counts = torch.tensor([4, 4, 1, 7])
    widths = shifted_widths(wanted, counts, budget)
    spent = int((counts * widths).sum())
    assert spent <= budget
    assert budget - spent < 7 or bool((widths == 15).all())  # not a bit more for the largest group
