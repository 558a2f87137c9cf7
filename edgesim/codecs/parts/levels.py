"""Sharing bits among columns or groups of them: closed forms, and fitting them into a frame."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from edgesim.codecs.parts.grids import MAX_WIDTH

_TURN = 27.0 / 4.0  # where the cubic's discriminant changes its sign
_STEPS = 48  # of bisection; halves an interval of 128 octaves to below 1e-12
_OCTAVES = (-64.0, 64.0)


def optimal_levels(a: Tensor) -> Tensor:
    """Q >= 1 with (Q - 1)^3 / Q = a: levels that minimise sum_j rho_j^2 / (4 (Q_j - 1)^2) under a budget of sum_j log2 Q_j.

    With u = Q - 1 it is u^3 - a u - a = 0. Up to a = 27/4, by Cardano,
        u = cbrt(a/2 + sqrt(a^2/4 - a^3/27)) + cbrt(a/2 - sqrt(a^2/4 - a^3/27)),
    beyond it u = 2 sqrt(a/3) cos(arccos(1.5 sqrt(3/a)) / 3). Source: compression.md 2.8.

    a  any shape, float64, >= 0: kappa rho_j^2 with the multiplier kappa of the budget

    >>> optimal_levels(torch.tensor([1.0, 6.75, 100.0], dtype=torch.float64)).round(decimals=4).tolist()
    [2.3247, 4.0, 11.4668]
    """
    small = a.clamp_max(_TURN)
    root = (small.square() / 4.0 - small.pow(3) / 27.0).clamp_min(0.0).sqrt()
    below = (small / 2.0 + root).pow(1.0 / 3.0) + (small / 2.0 - root).clamp_min(0.0).pow(1.0 / 3.0)
    large = a.clamp_min(_TURN)
    above = 2.0 * (large / 3.0).sqrt() * ((1.5 * (3.0 / large).sqrt()).clamp_max(1.0).arccos() / 3.0).cos()
    return 1.0 + torch.where(a > _TURN, above, below)


def widths_for_ranges(ranges: Tensor, budget: int) -> Tensor:
    """Bits a column, [K] int64 in [1, 15], sum at most `budget`, from the optimal levels for columns of these ranges.

    floor(Q_j), at least 2, takes ceil(log2 floor(Q_j)) bits, all of whose levels are used. kappa is bisected; what is left goes
    one bit each to the columns of largest error.

    ranges  [K] float64, > 0
    budget  at least K
    """
    if budget < len(ranges):
        raise ValueError(f"{len(ranges)} columns need at least a bit each, but the budget is {budget}")
    relative = (ranges / ranges.max()).square()

    def widths(octaves: float) -> Tensor:
        levels = optimal_levels(relative * 2.0**octaves).floor().clamp_min(2.0)
        return levels.log2().ceil().long().clamp(1, MAX_WIDTH)

    fitting = widths(bisected(lambda octaves: int(widths(octaves).sum()) <= budget))
    error = relative / (2.0**fitting - 1.0).square() * (fitting < MAX_WIDTH)
    return _topped_up(fitting, torch.ones_like(fitting), error, budget)


def shifted_widths(wanted: Tensor, counts: Tensor, budget: int) -> Tensor:
    """Bits a value of each group, [G] int64 in [0, 15]: `wanted` plus the greatest common shift that keeps to the budget.

    What is left goes one bit a value to the groups nearest to the next width, as long as it lasts.

    wanted  [G] float64, the bits each group should have relative to the others
    counts  [G] int64, values a group; sum_g counts_g widths_g <= budget
    """
    place, wanted, counts = counts.device, wanted.cpu(), counts.cpu()  # a look at every try: few numbers, best where one looks

    def widths(shift: float) -> Tensor:
        return (wanted + shift).round().long().clamp(0, MAX_WIDTH)

    low, high = -float(wanted.max()) - 1.0, float(MAX_WIDTH) - float(wanted.min()) + 1.0
    shift = bisected(lambda shift: int((counts * widths(shift)).sum()) <= budget, low, high)
    fitting = widths(shift)
    need = (wanted + shift - fitting).masked_fill(fitting >= MAX_WIDTH, -math.inf)
    return _topped_up(fitting, counts, need, budget).to(place)


def bisected(fits: Callable[[float], bool], low: float = _OCTAVES[0], high: float = _OCTAVES[1]) -> float:
    """The greatest number in [low, high] that fits; `fits` holds up to some number and not beyond. `low` is taken to fit."""
    if fits(high):
        return high
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _topped_up(widths: Tensor, counts: Tensor, need: Tensor, budget: int) -> Tensor:
    """One more bit for those in greatest need that it can still be afforded for, in that order."""
    left = budget - int((counts * widths).sum())
    order = need.argsort(descending=True, stable=True)
    order = order[(widths[order] < MAX_WIDTH) & (counts[order] > 0)]
    lucky = []
    for place, count in zip(order.tolist(), counts[order].tolist(), strict=True):
        if count <= left:
            lucky.append(place)
            left -= count
        if not left:
            break
    chosen = torch.tensor(lucky, dtype=torch.int64, device=widths.device)
    return widths.index_add(0, chosen, torch.ones_like(chosen))
