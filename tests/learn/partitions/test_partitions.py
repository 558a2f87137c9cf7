"""What every rule of sharing promises, over all of them, and what only one does, against theory."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from edgesim.learn.partitions.base import Partition
from edgesim.learn.partitions.dirichlet import Dirichlet
from edgesim.learn.partitions.iid import Iid
from edgesim.learn.partitions.shards import Shards

RULES: dict[str, Partition] = {
    "iid": Iid(),
    "per_class": Dirichlet(alpha=0.3, min_size=1),
    "per_class, hardly any": Dirichlet(alpha=1e-9, min_size=3),
    "per_client": Dirichlet(alpha=0.3, rule="per_client", min_size=2),
    "per_client, hardly any": Dirichlet(alpha=1e-9, rule="per_client", min_size=1),
    "one shard": Shards(shards_per_client=1),
    "shards": Shards(shards_per_client=3),
}
LEVEL = 1e-4  # of every statistical test here: the seeds are fixed, and a right rule had this chance to fail at the first try


@pytest.fixture(params=RULES)
def rule(request: pytest.FixtureRequest) -> Partition:
    return RULES[request.param]


def labels_of(count: int, classes: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, classes, count)


@settings(max_examples=30)
@given(st.data())
@pytest.mark.parametrize("name", RULES)
def test_every_row_goes_to_one_client_and_none_is_left_empty(name: str, data: st.DataObject) -> None:
    rule = RULES[name]
    shares = data.draw(st.lists(st.floats(0.01, 100.0), min_size=1, max_size=12))
    count = data.draw(st.integers(3 * len(shares), 300))
    labels = labels_of(count, data.draw(st.integers(1, 12)))
    rows = rule.split(labels, shares, seed=data.draw(st.integers(0, 9)))
    assert len(rows) == len(shares)
    assert sorted(np.concatenate(rows)) == list(range(count))
    assert all(np.all(np.diff(mine) > 0) for mine in rows), "ascending"
    assert min(map(len, rows)) >= getattr(rule, "min_size", 1)
    sizes = rule.sizes(count, shares)
    assert sizes is None or sizes.tolist() == [len(mine) for mine in rows]


def test_the_same_seed_gives_the_same_split_and_another_seed_another(rule: Partition) -> None:
    labels = labels_of(600, 10)
    first, again, other = ([mine.tolist() for mine in rule.split(labels, [1.0] * 6, seed)] for seed in (3, 3, 4))
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("iid", [600, 300, 300]),
        ("per_client", [600, 300, 300]),
        ("one shard", [400, 400, 400]),  # 3 shards are not cut: 1.5, 0.75 and 0.75 of them are 1, 1, 1
        ("shards", [667, 267, 266]),  # 9 shards as 2 : 1 : 1 are 4.5, 2.25, 2.25, so 5, 2, 2
        ("per_class", None),  # its sizes are drawn; their law is tested below
    ],
)
def test_a_double_share_is_twice_the_images(name: str, sizes: list[int] | None) -> None:
    found = RULES[name].sizes(1200, [2.0, 1.0, 1.0])
    assert (None if found is None else found.tolist()) == sizes


def test_too_few_images_are_refused(rule: Partition) -> None:
    with pytest.raises(ValueError, match="use fewer clients"):
        rule.split(labels_of(5, 2), [1.0] * 6, seed=0)


def test_infinite_alpha_is_iid() -> None:
    labels = labels_of(500, 10)
    shares = [1.0, 2.0, 3.0]
    iid = Iid().split(labels, shares, seed=5)
    for kind in (Dirichlet(alpha=np.inf), Dirichlet(alpha=np.inf, rule="per_client")):
        assert all(map(np.array_equal, kind.split(labels, shares, seed=5), iid))
        assert np.array_equal(kind.sizes(500, shares), Iid().sizes(500, shares))


def test_per_class_proportions_are_dirichlet() -> None:
    """Of the first class nobody is full yet: a client's part is Beta(a, a (N - 1)), the marginal of Dir(a, ..., a)."""
    clients, alpha, images = 4, 0.7, 3000
    labels = np.repeat(np.arange(3), images)
    kind = Dirichlet(alpha=alpha, min_size=1)
    parts = [np.sum(kind.split(labels, [1.0] * clients, seed)[0] < images) / images for seed in range(300)]
    assert stats.kstest(parts, stats.beta(alpha, alpha * (clients - 1)).cdf).pvalue > LEVEL


def test_per_class_shares_scale_the_parts() -> None:
    """Dir(a w N) has mean w: with shares 3, 1 the first client's part of the first class is Beta(1.5 a, 0.5 a)."""
    images, alpha = 3000, 1.0
    labels = np.repeat(np.arange(2), images)
    kind = Dirichlet(alpha=alpha, min_size=1)
    parts = [np.sum(kind.split(labels, [3.0, 1.0], seed)[0] < images) / images for seed in range(300)]
    assert stats.kstest(parts, stats.beta(1.5 * alpha, 0.5 * alpha).cdf).pvalue > LEVEL


def test_nobody_who_is_full_gets_another_class() -> None:
    """The balance of the rule: who holds |D| / N gets nothing more, so nobody ends above |D| / N and one class."""
    labels = np.repeat(np.arange(20), 100)
    for seed in range(20):
        sizes = [len(rows) for rows in Dirichlet(alpha=0.1).split(labels, [1.0] * 10, seed)]
        assert max(sizes) < 200 + 100


def test_per_client_proportions_are_dirichlet() -> None:
    """Two clients, two classes, all of one size: no class can be used up, so the part is Beta(a / 2, a / 2)."""
    images, alpha = 2000, 1.5
    labels = np.repeat(np.arange(2), images)
    kind = Dirichlet(alpha=alpha, rule="per_client")
    parts = [np.sum(kind.split(labels, [1.0, 1.0], seed)[0] < images) / images for seed in range(300)]
    assert stats.kstest(parts, stats.beta(alpha / 2, alpha / 2).cdf).pvalue > LEVEL


def test_a_smaller_alpha_is_more_skewed() -> None:
    """Mean share of a client's largest class: towards 1 for alpha -> 0, towards 1/C for alpha -> inf."""
    labels = np.repeat(np.arange(10), 200)

    def skew(kind: Partition) -> float:
        rows = kind.split(labels, [1.0] * 10, seed=1)
        return float(np.mean([np.bincount(labels[mine]).max() / len(mine) for mine in rows]))

    for rule in ("per_class", "per_client"):
        found = [skew(Dirichlet(alpha=alpha, rule=rule)) for alpha in (0.05, 0.5, 5.0, 500.0)]
        assert found == sorted(found, reverse=True)
        assert found[0] > 0.6
        assert found[-1] < 0.25


def test_a_hopeless_alpha_ends_and_is_repaired() -> None:
    """One class to one client each time: 40 clients cannot live on 4 classes, and drawing anew would never end."""
    labels = np.repeat(np.arange(4), 100)
    sizes = [len(rows) for rows in Dirichlet(alpha=1e-3, min_size=10).split(labels, [1.0] * 40, seed=0)]
    assert sizes == [10] * 40  # 40 x 10 is all there is


def test_few_classes_in_shards() -> None:
    """McMahan's setting in small: 200 shards of one class each, two for each of 100 clients."""
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(10), 600))
    rows = Shards(shards_per_client=2).split(labels, [1.0] * 100, seed=0)
    seen = [len(np.unique(labels[mine])) for mine in rows]
    assert {len(mine) for mine in rows} == {60}
    assert max(seen) <= 2  # 600 is a multiple of 30, so that no shard crosses a border
    assert seen.count(2) > 80  # two shards of one class: chance (20 - 1) / (200 - 1), 9.5 of 100 on average


def test_shards_need_an_image_each() -> None:
    with pytest.raises(ValueError, match="shards each need at least 20 training images; there are 19"):
        Shards(shards_per_client=4).split(labels_of(19, 3), [1.0] * 5, seed=0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Dirichlet(alpha=0.0), "alpha must be positive"),
        (lambda: Dirichlet(alpha=float("nan")), "alpha must be positive"),
        (lambda: Dirichlet(alpha=1.0, min_size=0), "min_size"),
        (lambda: Dirichlet(alpha=1.0, rule="per_pixel"), "per_class or per_client"),
        (lambda: Shards(shards_per_client=0), "shards_per_client"),
    ],
)
def test_impossible_knobs(make, words) -> None:
    with pytest.raises(ValueError, match=words):
        make()
