"""Drawing a fixed number of things with given probabilities."""

import torch
from torch import Generator, Tensor

_CERTAIN = 1.0 - 1e-9


def inclusion(weights: Tensor, count: int) -> Tensor:
    """q_j = min(1, lambda w_j) with sum_j q_j = count, by water-filling.

    weights  [P] float64, >= 0; all equal where they are all 0
    count    1 <= count <= P
    returns  [P] float64 in (0, 1] where weights are positive

    >>> inclusion(torch.tensor([4.0, 1.0, 1.0]), 2).tolist()
    [1.0, 0.5, 0.5]
    """
    weights = weights if float(weights.sum()) > 0.0 else torch.ones_like(weights)
    ordered = weights.sort(descending=True).values
    places = torch.arange(len(ordered), device=ordered.device)
    rest = ordered.flip(0).cumsum(0).flip(0)  # sum of w_(j), w_(j+1), ...
    # with the i largest certain, lambda_i = (count - i) / rest_i; the least i that makes no later one exceed 1
    level = (count - places[:count]).to(rest) / rest[:count].clamp_min(torch.finfo(rest.dtype).tiny)
    fitting = (level * ordered[:count] <= 1.0).nonzero().flatten()
    certain = int(fitting[0]) if len(fitting) else count - 1
    return (weights * level[certain]).clamp_max(1.0)


def systematic(chances: Tensor, count: int, generator: Generator) -> Tensor:
    """Exactly `count` different indices, j with probability `chances`_j, ascending [count] int64.

    The chances are laid end to end in random order, and the points u, u + 1, ... with u ~ U[0, 1) choose. Source: W. Madow, On
    the theory of systematic sampling II, Annals of Mathematical Statistics 20(3), 1949.

    chances  [P] float64, sum `count`
    """
    sure = (chances >= _CERTAIN).nonzero().flatten()[:count]
    left = count - len(sure)
    if not left:
        return sure
    open_ = (chances < _CERTAIN).nonzero().flatten()
    order = torch.randperm(len(open_), generator=generator, device=generator.device).to(chances.device)
    start = torch.rand((), generator=generator, device=generator.device, dtype=torch.float64).to(chances.device)
    shuffled = open_[order]
    ends = chances[shuffled].cumsum(0)
    ends = ends * (left / ends[-1])  # the last point must not fall off the end
    points = start + torch.arange(left, device=chances.device)
    chosen = torch.searchsorted(ends, points, right=True).clamp_max(len(shuffled) - 1)
    return torch.cat([sure, shuffled[chosen]]).sort().values
