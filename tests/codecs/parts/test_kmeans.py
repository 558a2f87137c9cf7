"""k-means: what it promises for any data, and what it finds where the answer is known."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.vq import kmeans2
from torch import Generator, Tensor

from edgesim.codecs.parts.kmeans import Clusters, Init, kmeans, kmeans_flops

INITS: tuple[Init, ...] = ("random_rows", "kmeans++")
every_init = pytest.mark.parametrize("init", INITS)


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def inertia(keys: Tensor, clusters: Clusters) -> float:
    """Sum of squared distances to the own centroid."""
    return float((keys - clusters.centroids[clusters.assignment]).square().sum())


def is_partition(keys: Tensor, clusters: Clusters) -> None:
    """Every row in one cluster, no cluster empty, every centroid the mean of its members."""
    count = len(clusters.centroids)
    assert torch.equal(clusters.assignment.bincount(minlength=count), clusters.sizes)
    assert int(clusters.sizes.min()) >= 1
    assert int(clusters.sizes.sum()) == len(keys)
    means = torch.stack([keys[clusters.assignment == cluster].mean(0) for cluster in range(count)])
    torch.testing.assert_close(clusters.centroids, means)


@settings(max_examples=150)
@given(data=st.data(), rows=st.integers(2, 16), width=st.integers(1, 4), init=st.sampled_from(INITS), seed=st.integers(0, 99))
def test_any_rows_give_full_clusters(data: st.DataObject, rows: int, width: int, init: Init, seed: int) -> None:
    """Few values, so that rows coincide often: T_eff = min(T, different rows), and equal rows stay together."""
    count = data.draw(st.integers(1, rows - 1))
    levels = data.draw(st.integers(1, 4))
    steps = data.draw(st.integers(1, 5))
    keys = torch.randint(levels, (rows, width), generator=seeded(seed + 100)) / 3.0
    clusters = kmeans(keys, count, seeded(seed), init=init, max_iter=steps, tol=0.0)
    is_partition(keys, clusters)
    different, which = keys.unique(dim=0, return_inverse=True)
    assert len(clusters.centroids) == min(count, len(different))
    assert len({(int(row), int(cluster)) for row, cluster in zip(which, clusters.assignment, strict=True)}) == len(different)


@every_init
@pytest.mark.parametrize("count", [1, 2, 7, 19])
def test_identical_rows_are_one_cluster(init: Init, count: int) -> None:
    """compression.md 2.2.8: no NaN, T_eff = 1."""
    keys = torch.full((20, 5), 0.1)  # 20 tenths do not add up to 2 in float32
    clusters = kmeans(keys, count, seeded(), init=init)
    assert clusters.sizes.tolist() == [20]
    torch.testing.assert_close(clusters.centroids, keys[:1])


def test_the_row_farthest_from_its_centroid_founds_the_missing_cluster() -> None:
    """Two equal rows drawn as first centroids leave one cluster empty; 5 is farthest from the mean of all, 1.02."""
    keys, tried = torch.tensor([[0.0], [5.0], [0.0], [0.0], [0.1]]), 0
    for seed in range(40):
        if 1 not in (drawn := torch.randperm(5, generator=seeded(seed))[:2].tolist()) and 4 not in drawn:
            tried += 1
            assignment = kmeans(keys, 2, seeded(seed), max_iter=1).assignment
            assert assignment.tolist() == [0, 1, 0, 0, 0]
    assert tried >= 5


@every_init
def test_as_many_clusters_as_rows_merge_nothing(init: Init) -> None:
    keys = torch.tensor([[1.0], [1.0], [2.0]])
    clusters = kmeans(keys, 3, seeded(), init=init)
    assert clusters.assignment.tolist() == [0, 1, 2]
    assert clusters.sizes.tolist() == [1, 1, 1]
    assert torch.equal(clusters.centroids, keys)


@every_init
def test_at_rest_every_row_is_with_its_nearest_centroid(init: Init) -> None:
    keys = torch.rand(90, 6, generator=seeded(1))
    clusters = kmeans(keys, 12, seeded(), init=init, max_iter=500, tol=0.0)
    is_partition(keys, clusters)
    own = (keys - clusters.centroids[clusters.assignment]).norm(dim=1)
    nearest = (keys[:, None] - clusters.centroids).norm(dim=2).min(dim=1).values
    torch.testing.assert_close(own, nearest)


@every_init
def test_far_apart_blobs_are_found(init: Init) -> None:
    """k-means++ finds them at once; random rows in some of 20 tries (all four blobs are hit with probability 4!/4^4 = 0.09)."""
    where = torch.tensor([[0.0, 0.0], [100.0, 0.0], [0.0, 100.0], [100.0, 100.0]])
    blob = torch.arange(4).repeat_interleave(25)
    keys = where[blob] + torch.randn(100, 2, generator=seeded(5))
    tries = [kmeans(keys, 4, seeded(seed), init=init, tol=0.0) for seed in range(1 if init == "kmeans++" else 20)]
    best = min(tries, key=lambda clusters: inertia(keys, clusters))
    pairs = {(int(true), int(found)) for true, found in zip(blob, best.assignment, strict=True)}
    assert len(pairs) == 4


@every_init
def test_inertia_is_that_of_scipy(init: Init) -> None:
    """Lloyd's algorithm ends in a local minimum; over 30 starts the mean inertia of both lies within 3 %."""
    keys = torch.randn(150, 8, generator=seeded(3), dtype=torch.float64)
    ours = np.mean([inertia(keys, kmeans(keys, 10, seeded(seed), init=init, max_iter=100, tol=0.0)) for seed in range(30)])
    theirs = []
    for seed in range(30):
        centroids, labels = kmeans2(keys.numpy(), 10, iter=100, minit="++" if init == "kmeans++" else "points", seed=seed)
        theirs.append(((keys.numpy() - centroids[labels]) ** 2).sum())
    assert ours <= 1.03 * np.mean(theirs)


@pytest.mark.parametrize(("init", "probability"), [("kmeans++", 0.1), ("random_rows", 1 / 3)])
def test_first_rows_follow_their_law(init: Init, probability: float) -> None:
    """Rows 0, 1, 3 and two clusters. {0} and {1, 3} part only from the start {0, 1}: of three pairs alike one,
    by k-means++ 1/3 (1/10) + 1/3 (1/5) = 1/10. Bound: 4.5 standard deviations.
    """
    keys, tries = torch.tensor([[0.0], [1.0], [3.0]]), 2000
    generator = seeded(11)
    parted = (kmeans(keys, 2, generator, init=init, max_iter=1).assignment for _ in range(tries))
    hits = sum(int(assignment[1] == assignment[2]) for assignment in parted)
    assert abs(hits / tries - probability) <= 4.5 * (probability * (1 - probability) / tries) ** 0.5


def test_a_tie_goes_to_the_first_centroid() -> None:
    """Row 1 is as far from 0 as from 2; with those as centroids it joins the one drawn first."""
    keys = torch.tensor([[0.0], [1.0], [2.0]])
    seen = set()
    for seed in range(30):
        first, second = torch.randperm(3, generator=seeded(seed))[:2].tolist()
        if {first, second} == {0, 2}:
            assignment = kmeans(keys, 2, seeded(seed), max_iter=1).assignment.tolist()
            assert assignment[1] == assignment[first] == 0
            seen.add(first)
    assert seen == {0, 2}


def test_official_tolerance_is_absolute_and_relative_is_not() -> None:
    """The same keys on a 1/1024 scale: shifts fall below the official tolerance at once, the relative rule sees no change."""
    keys = torch.rand(60, 4, generator=seeded(2))
    for mode, same in (("official", False), ("relative", True)):
        large = kmeans(keys, 8, seeded(), tol=1e-4, tol_mode=mode)  # type: ignore[arg-type]  # both are modes
        small = kmeans(keys / 1024, 8, seeded(), tol=1e-4, tol_mode=mode)  # type: ignore[arg-type]  # both are modes
        assert torch.equal(large.assignment, small.assignment) == same
    once = kmeans(keys / 1024, 8, seeded(), max_iter=1)
    assert torch.equal(kmeans(keys / 1024, 8, seeded(), tol=1e-4).assignment, once.assignment)


def test_iterations_are_capped() -> None:
    keys = torch.rand(200, 3, generator=seeded(4))
    inertias = [inertia(keys, kmeans(keys, 9, seeded(), max_iter=steps, tol=0.0)) for steps in (1, 2, 4, 30)]
    assert inertias == sorted(inertias, reverse=True)
    assert inertias[0] > inertias[-1]


@every_init
def test_the_generator_decides(init: Init) -> None:
    keys = torch.rand(40, 3, generator=seeded(6))
    runs = [kmeans(keys, 6, seeded(seed), init=init).assignment for seed in (1, 1, 2)]
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


@pytest.mark.parametrize("count", [0, 4])
def test_impossible_counts_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match=r"count must lie in \[1, 3\]"):
        kmeans(torch.zeros(3, 2), count, seeded())


def test_flops_by_hand() -> None:
    """3 rows of width 2, 2 clusters: distances 36, nearest 6, sums 6, means 4, shift 12; k-means++ twice 18 + 6."""
    assert kmeans_flops(3, 2, 2, init="random_rows", max_iter=1) == 64.0
    assert kmeans_flops(3, 2, 2, init="random_rows", max_iter=50) == 50 * 64.0
    assert kmeans_flops(3, 2, 2, init="kmeans++", max_iter=1) == 64.0 + 48.0
    assert kmeans_flops(3, 2, 3, init="kmeans++", max_iter=50) == 0.0
