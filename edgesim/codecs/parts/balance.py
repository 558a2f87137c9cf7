"""Sharing xi between merging samples and dropping tokens: by fixed exponents, or by what a batch shows."""

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from edgesim.codecs.parts.kmeans import Clusters

Split = Literal["sqrt", "fifth", "r1bug", "measured"]
# (p, q): samples are merged to xi^p, tokens kept to xi^q (compression.md 2.2.6); the measured ones begin at `fifth`
EXPONENTS: dict[str, tuple[tuple[float, float], ...]] = {
    "sqrt": ((1 / 2, 1 / 2),),
    "fifth": ((1 / 5, 4 / 5),),
    "r1bug": ((1 / 2, 1 / 4),),
    "measured": ((0.2, 0.8), (0.35, 0.65), (0.5, 0.5), (0.65, 0.35), (0.8, 0.2)),
}
_NOTHING = 1e-12  # attention of a row that looks at no patch: it looks at all alike


class Pair(NamedTuple):
    """A way to spend xi: T clusters with k tokens each."""

    clusters: int
    tokens: int

    @property
    def rows(self) -> int:
        """Token rows that are sent."""
        return self.clusters * self.tokens


def tokens_kept(split: str, xi: float, tokens: int) -> list[int]:
    """k = max(1, floor(xi^q n)) of each pair, ascending."""
    return [max(1, math.floor(xi**q * tokens)) for _p, q in EXPONENTS[split]]


def pairs(split: str, xi: float, batch: int, tokens: int) -> tuple[Pair, ...]:
    """The pairs of a split; more than one where it is measured.

    Fixed: T = min(max(1, floor(xi^p B)), B), k = max(1, floor(xi^q n)). Measured: the same k, and as many clusters as the
    floor(xi B n) token rows that xi allows are enough for, so that all pairs cost almost the same and none more than xi.

    xi      (0, 1]
    batch   B, samples
    tokens  n, class token included

    >>> [tuple(pair) for pair in pairs("measured", 0.1, 128, 197)]
    [(81, 31), (57, 44), (40, 62), (28, 87), (20, 124)]
    """
    kept = tokens_kept(split, xi, tokens)
    if split != "measured":
        [(p, _q)] = EXPONENTS[split]
        share: float = xi**p
        return (Pair(min(max(1, math.floor(share * batch)), batch), kept[0]),)
    rows = max(1, math.floor(xi * batch * tokens))
    return tuple(dict.fromkeys(Pair(min(rows // min(k, rows), batch), min(k, rows)) for k in kept))


def patch_scores(scores: Tensor) -> Tensor:
    """The class token's attention without that to itself (compression.md 2.2.10): [B, n], column 0 is 0, rows sum to 1."""
    patches = scores[:, 1:] + _NOTHING
    return pad(patches / patches.sum(1, keepdim=True), (1, 0))


def fidelity(keys: Tensor, scores: Tensor, clusters: Clusters, positions: Tensor) -> Tensor:
    """What of the class token's view survives both compressions, a scalar in [0, 1]: (1 - V) (1 + M) / 2.

    V is the variance of the keys within clusters over their whole variance (0 if they have none): what merging loses. M is
    the attention mass on the tokens that a sample's cluster keeps, mean over samples. Half of the class token passes a layer
    on the residual path and half is what it attends to (as in attention rollout: S. Abnar and W. Zuidema, ACL 2020), so
    (1 + M) / 2 is what selection keeps: the class token alone is worth half.

    keys       [B, m] float, what was clustered
    scores     [B, n] float, the class token's attention, rows sum to 1
    positions  [T, k] int64, tokens kept by each cluster
    """
    whole = (keys - keys.mean(0)).square().sum()
    within = (keys - clusters.centroids[clusters.assignment]).square().sum()
    lost = torch.where(whole > 0.0, within / whole, torch.zeros_like(whole))
    mass = scores.gather(1, positions[clusters.assignment]).sum(1).mean()
    return (1.0 - lost) * (1.0 + mass) / 2.0
