"""k-means without empty clusters (compression.md 2.2.7, 2.2.8)."""

from typing import Literal, NamedTuple

import torch
from torch import Generator, Tensor

Init = Literal["random_rows", "kmeans++"]
TolMode = Literal["official", "relative"]
_TINY = 1e-30  # an exponential draw may round to 0


class Clusters(NamedTuple):
    """A partition of B rows into T clusters, none of them empty; every centroid is the mean of its members.

    assignment  [B] int64, the cluster of each row
    sizes       [T] int64, sum B
    centroids   [T, m] float
    """

    assignment: Tensor
    sizes: Tensor
    centroids: Tensor


def kmeans(
    keys: Tensor,
    count: int,
    generator: Generator,
    *,
    init: Init = "random_rows",
    max_iter: int = 50,
    tol: float = 1e-4,
    tol_mode: TolMode = "official",
) -> Clusters:
    """Lloyd's algorithm: nearest centroid in Euclidean distance (the first of equals), then means, until centroids rest.

    Stops when (sum_i |c_i' - c_i|)^2 < tol (`official`, as kmeans_pytorch) or < tol times the keys' mean squared distance from
    their mean (`relative`, free of scale), when no centroid moved, or after `max_iter` iterations. Centroids are the means of
    the assignment they come with.
    A cluster that loses its last member gets, from the largest cluster that holds different rows, the row farthest from the
    centroid (with its exact duplicates); where all rows of every cluster coincide it is dropped. So equal rows share a cluster,
    and the number of clusters is min(count, number of different rows).
    With as many clusters as rows nothing is clustered: every row is its own, duplicates too.

    keys       [B, m] float, finite
    count      clusters wanted, 1 <= count <= B
    generator  draws the first centroids: rows without replacement, or k-means++ (Arthur and Vassilvitskii, SODA 2007, section
               2.2); may live on another device than the keys
    """
    rows = len(keys)
    if not 1 <= count <= rows:
        raise ValueError(f"count must lie in [1, {rows}], the number of rows; got {count}")
    if count == rows:
        return Clusters(torch.arange(rows, device=keys.device), keys.new_ones(rows, dtype=torch.int64), keys)
    centroids = _spread_rows(keys, count, generator) if init == "kmeans++" else _random_rows(keys, count, generator)
    limit = keys.new_full((), tol)
    if tol_mode == "relative":
        limit = tol * (keys - keys.mean(0)).square().sum(1).mean()
    clusters = _assign(keys, centroids)
    for _ in range(max_iter - 1):
        shift = (clusters.centroids - centroids).norm(dim=1).sum().square()
        # one wait for the accelerator per iteration; it answers both questions
        empty, resting = torch.stack([clusters.sizes.min() == 0, (shift < limit) | (shift == 0)]).tolist()
        if empty:
            clusters = _repaired(keys, clusters)
        elif resting:
            return clusters
        centroids = clusters.centroids
        clusters = _assign(keys, centroids)
    return _repaired(keys, clusters)


def kmeans_flops(rows: int, width: int, count: int, *, init: Init, max_iter: int) -> float:
    """FLOPs of `kmeans` if it used all its iterations, an upper bound known before any data is.

    An iteration: distances 3 B T m (difference, square, sum), the nearest B T, sums B m, means T m, shift 3 T m.
    k-means++ adds 3 B m + 2 B per centroid. Comparisons count as FLOPs.
    """
    if count >= rows:
        return 0.0
    start = count * (3.0 * rows * width + 2.0 * rows) if init == "kmeans++" else 0.0
    return start + max_iter * (3.0 * rows * count * width + rows * count + rows * width + 4.0 * count * width)


def sizes_of(assignment: Tensor, count: int) -> Tensor:
    """How many rows each of `count` clusters has, [count] int64; without waiting for the accelerator."""
    sizes = torch.zeros(count, dtype=torch.int64, device=assignment.device)
    return sizes.index_add_(0, assignment, torch.ones_like(assignment))


def _assign(keys: Tensor, centroids: Tensor) -> Clusters:
    """Every row to its nearest centroid, and the means of what comes of it; a cluster may be empty (its centroid is 0)."""
    # Differences, not the expanded square: equal rows get equal distances, and near centroids do not drown in rounding.
    distances = torch.cdist(keys, centroids, compute_mode="donot_use_mm_for_euclid_dist")  # [B, T]
    return _with_means(keys, distances.argmin(1), len(centroids))


def _with_means(keys: Tensor, assignment: Tensor, count: int) -> Clusters:
    sizes = sizes_of(assignment, count)
    totals = keys.new_zeros(count, keys.shape[1]).index_add_(0, assignment, keys)  # [T, m]
    return Clusters(assignment, sizes, totals / sizes.clamp_min(1)[:, None])


def _random_rows(keys: Tensor, count: int, generator: Generator) -> Tensor:
    order = torch.randperm(len(keys), generator=generator, device=generator.device)
    return keys[order[:count].to(keys.device)]


def _spread_rows(keys: Tensor, count: int, generator: Generator) -> Tensor:
    """k-means++: each next row with probability proportional to its squared distance from the nearest so far.

    argmax_b w_b / E_b with E_b ~ Exp(1) takes b with probability w_b / sum w: no running sum and no wait for the accelerator.
    """
    shape = (count, len(keys))
    races = torch.empty(shape, device=generator.device).exponential_(generator=generator).to(keys).clamp_min(_TINY)
    nearest = keys.new_ones(len(keys))  # the first row is uniform
    chosen: list[Tensor] = []
    for race in races:
        row = keys.index_select(0, (nearest / race).argmax(0, keepdim=True))  # [1, m]
        distance = (keys - row).square().sum(1)  # [B]
        nearest = torch.minimum(nearest, distance) if chosen else distance
        chosen.append(row)
    return torch.cat(chosen)


def _repaired(keys: Tensor, clusters: Clusters) -> Clusters:
    """The same clusters with empty ones filled or, where nothing can be split, dropped."""
    if bool(clusters.sizes.all()):
        return clusters
    assignment, sizes = clusters.assignment.clone(), clusters.sizes
    for place in (sizes == 0).nonzero().flatten().tolist():
        leaving = _farthest_of_largest(keys, assignment, len(sizes))
        if leaving is None:
            break
        assignment[leaving] = place
    used = sizes_of(assignment, len(sizes)) > 0
    numbers = used.cumsum(0) - 1  # without gaps, order kept
    return _with_means(keys, numbers[assignment], int(used.sum()))


def _farthest_of_largest(keys: Tensor, assignment: Tensor, count: int) -> Tensor | None:
    """Indices of the row (and its duplicates) farthest from its centroid, in the largest cluster of different rows."""
    sizes = sizes_of(assignment, count)
    for cluster in sizes.argsort(descending=True, stable=True).tolist():
        members = (assignment == cluster).nonzero().flatten()
        rows = keys[members]
        if len(rows) and bool((rows != rows[:1]).any()):
            farthest = (rows - rows.mean(0)).square().sum(1).argmax()
            leaving: Tensor = members[(rows == rows[farthest]).all(1)]
            return leaving
    return None
