"""Bipartite soft matching of a sample's tokens, and the means of what it groups (compression.md 2.13)."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import normalize


def calls(tokens: int, kept: int) -> Iterator[tuple[int, int]]:
    """(tokens m, merges r) of each call from `tokens` to `kept`, r <= floor((m - 1)/2).

    >>> list(calls(197, 62))
    [(197, 98), (99, 37)]
    """
    while tokens > kept:
        merged = min(tokens - kept, (tokens - 1) // 2)
        yield tokens, merged
        tokens -= merged


def groups(z: Tensor, kept: int) -> Tensor:
    """Which of the `kept` merged tokens each token goes into, [B, n] int64; token 0 goes into 0, alone.

    z  [B, n, d] float, compared by cosine; not in a graph
    """
    batch, tokens, _width = z.shape
    group = torch.arange(tokens, device=z.device).expand(batch, tokens)
    for left, merged in calls(tokens, kept):
        target = _targets(group_means(z, group, left), merged)
        group = target.gather(1, group)
    return group


def group_means(z: Tensor, group: Tensor, count: int) -> Tensor:
    """Mean of the tokens of each group, [B, count, d]; differentiable in z.

    z      [B, n, d] float
    group  [B, n] int64 in [0, count), none empty
    """
    total = z.new_zeros(len(z), count, z.shape[2]).scatter_add(1, group[:, :, None].expand_as(z), z)
    sizes = z.new_zeros(len(z), count).scatter_add(1, group, z.new_ones(group.shape))
    return total / sizes[:, :, None]


def _targets(z: Tensor, merged: int) -> Tensor:
    """One call: the new place of each of m tokens, [B, m]; the unmerged of A in their order, then B.

    z  [B, m, d]
    """
    batch, tokens, _width = z.shape
    direction = normalize(z, dim=2)
    cosine = direction[:, ::2] @ direction[:, 1::2].transpose(1, 2)  # [B, |A|, |B|]
    cosine[:, 0] = -torch.inf  # the class token stays alone
    best, partner = cosine.max(2)
    proposers = best.argsort(dim=1, descending=True, stable=True)[:, :merged]
    is_merged = torch.zeros_like(best, dtype=torch.bool).scatter_(1, proposers, True)
    alone = (tokens + 1) // 2 - merged
    place = torch.where(is_merged, alone + partner, (~is_merged).cumsum(1) - 1)
    target = place.new_empty(batch, tokens)
    target[:, ::2] = place
    target[:, 1::2] = alone + torch.arange(tokens // 2, device=z.device)
    return target
