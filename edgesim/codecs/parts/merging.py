"""Merging samples of a cluster and keeping their best tokens (compression.md 2.2.2, 2.2.3)."""

from collections.abc import Mapping

import torch
from torch import Tensor

from edgesim.codecs.parts.kmeans import Clusters, sizes_of


def best_positions(scores: Tensor, k: int) -> Tensor:
    """The class token and the k - 1 highest-scored other tokens, ascending; of equal scores the lowest index.

    scores   [T, n] float, column 0 (the class token's own) is not ranked
    returns  [T, k] int64, column 0 is 0
    """
    ranked = scores[:, 1:].argsort(dim=1, descending=True, stable=True)[:, : k - 1] + 1
    first = ranked.new_zeros(len(scores), 1)
    return torch.cat([first, ranked.sort(dim=1).values], dim=1)


def merge_tokens(z: Tensor, clusters: Clusters, positions: Tensor) -> Tensor:
    """F_i = (1/|C_i|) sum_{b in C_i} z_b[J_i], differentiable in z.

    Autograd gives the adjoint of compression.md 2.2.5: sample b gets g_a(b) / |C_a(b)| at the positions kept, 0 elsewhere.

    z          [B, n, d] float
    positions  [T, k] int64, J of each cluster
    returns    [T, k, d]
    """
    batch, tokens, width = z.shape
    kept = positions[clusters.assignment]  # [B, k]
    rows = torch.arange(batch, device=z.device)[:, None] * tokens + kept
    picked = z.reshape(batch * tokens, width).index_select(0, rows.flatten()).view(*kept.shape, width)  # [B, k, d]
    total = z.new_zeros(*positions.shape, width).index_add(0, clusters.assignment, picked)  # [T, k, d]
    return total / clusters.sizes[:, None, None]


def mean_rows(rows: Tensor, assignment: Tensor, sizes: Tensor) -> Tensor:
    """Mean of the rows [B, m] of each cluster, [T, m]."""
    return rows.new_zeros(len(sizes), rows.shape[1]).index_add_(0, assignment, rows) / sizes[:, None]


def label_shares(labels: Tensor, assignment: Tensor, sizes: Tensor, classes: int) -> Tensor:
    """Share of each class among the members of each cluster: Y_ic = |{b in C_i : y_b = c}| / |C_i|.

    labels   [B] int64
    returns  [T, classes] float32, rows sum to 1
    """
    counts = torch.zeros(len(sizes) * classes, device=labels.device)
    counts.index_add_(0, assignment * classes + labels, torch.ones(len(labels), device=labels.device))
    return counts.view(len(sizes), classes) / sizes[:, None]


def received_clusters(tensors: Mapping[str, Tensor], count: int, *, grouped: bool) -> tuple[Tensor | None, Tensor | None]:
    """Sizes [T] and the cluster of each received label [B], as far as they were sent or follow from what was sent.

    tensors  of the message: `assignment`, or `sizes` (those of clusters that were not found are 0, at the end) and `labels`
    count    T
    grouped  labels stand in the order of their clusters
    """
    sizes, assignment = tensors.get("sizes"), tensors.get("assignment")
    if sizes is not None and (not grouped or "labels" not in tensors):
        return sizes[:count].clamp_min(1), None
    if sizes is not None:  # not by repeating numbers: the sizes need not add up where bits are wrong
        places = torch.arange(len(tensors["labels"]), device=sizes.device)
        assignment = torch.searchsorted(sizes[:count].cumsum(0), places, right=True)
    if assignment is None:
        return None, None
    assignment = assignment.clamp_max(count - 1)
    return sizes_of(assignment, count).clamp_min(1), assignment


def clusters_told(side: Mapping[str, Tensor], wanted: int) -> int:
    """T of a message by its side information: said outright, by sizes or by numbers of clusters; else all that were wanted.

    Whatever the bits say, from 1 to all that were wanted.
    """
    told = wanted
    if "sent" in side:
        told = int(side["sent"])
    elif "sizes" in side:
        told = int((side["sizes"] > 0).sum())
    elif "assignment" in side:
        told = int(side["assignment"].max()) + 1
    return min(max(told, 1), wanted)
