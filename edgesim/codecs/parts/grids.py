"""Uniform grids, one for each column of a matrix, and how rows of any shape become such a matrix."""

from typing import Literal

import torch
from torch import Tensor

from edgesim.errors import RunError

Column = Literal["channel", "feature"]
MAX_WIDTH = 15  # bits; a width from 0 to 15 travels in WIDTH_BITS
WIDTH_BITS = 4


def columns_of(item: tuple[int, ...], column: Column) -> int:
    """Columns of the matrix that rows of shape `item` make: positions on the last axis, or all positions."""
    count = item[-1]
    if column == "feature":
        for size in item[:-1]:
            count *= size
    return count


def check_finite(kind: str, x: Tensor) -> None:
    """RunError unless all values are finite: no grid and no basis fits the others."""
    if not bool(x.isfinite().all()):
        raise RunError(f"{kind} met NaN or infinite values, which it cannot send; training has diverged, so lower optimiser.lr")


def grid_codes(x: Tensor, low: Tensor, high: Tensor, widths: Tensor) -> Tensor:
    """The nearest point of each column's grid: q = round((x - low) / step), step = (high - low) / (2^width - 1).

    x        [M, K] float
    low      [K], the first point of the grid; high [K], the last
    widths   [K] int64, 0 to 15 bits; at width 0 the code is 0 and means `low`
    returns  [M, K] int32
    """
    step = _step(low, high, widths)
    place = torch.where(step > 0, (x - low) / step, 0.0).round_()
    return torch.minimum(place.clamp_min_(0), (2**widths - 1).to(place)).int()


def grid_values(codes: Tensor, low: Tensor, high: Tensor, widths: Tensor) -> Tensor:
    """The values that codes stand for: low + q step, [M, K] float32."""
    return low + codes * _step(low, high, widths)


def _step(low: Tensor, high: Tensor, widths: Tensor) -> Tensor:
    return (high - low) * (widths > 0) / (2**widths - 1).clamp_min(1)
