"""Classes in Dirichlet proportions."""

import math
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from edgesim.learn.partitions.base import Partition
from edgesim.learn.partitions.portions import at_least, at_random, portions
from edgesim.learn.pictures import Indices
from edgesim.rng import seed as seed_of

_DRAWS = 100  # of the proportions, in search of one that leaves no client below min_size


class Dirichlet(Partition):
    """Classes shared out in proportions drawn from a Dirichlet law: label skew, the stronger the smaller alpha.

    per_class: class after class is shared out in proportions ~ Dir(alpha, ..., alpha) over the N clients, where a client that
    already holds its part of the set, |D| / N, gets none of it; sizes differ. Drawn anew until the smallest client has min_size
    images, a hundred times at most; then the best draw is repaired by moving random images from the largest clients to those
    that lack some. Source: Li et al., Federated Learning on Non-IID Data Silos, ICDE 2022, label distribution skew.

    per_client: every client draws class proportions q ~ Dir(alpha p) round the p of the whole set and takes |D| / N images by
    them; a class that is used up drops out of q. Clients choose in random order, for the last ones take what is left. Source:
    Hsu et al., Measuring the Effects of Non-Identical Data Distribution for Federated Visual Classification, 2019, section 3.

    The same alpha is not the same skew: over N clients the concentrations sum to alpha N in one rule, to alpha in the other.
    Shares of the data scale |D| / N in both, and alpha of each client in per_class. An infinite alpha is `iid`.

    alpha     concentration; .inf for equal proportions
    rule      whose proportions are drawn
    min_size  images that the smallest client has at least
    """

    def __init__(
        self,
        *,
        alpha: Annotated[float, "(0, inf]"],
        rule: Literal["per_class", "per_client"] = "per_class",
        min_size: Annotated[int, "[1, inf)"] = 10,
    ) -> None:
        if not alpha > 0.0:
            raise ValueError(f"alpha must be positive, got {alpha}")
        if rule not in ("per_class", "per_client"):
            raise ValueError(f"rule must be per_class or per_client, got {rule}")
        if min_size < 1:
            raise ValueError(f"min_size must be at least 1, got {min_size}")
        self.alpha = alpha
        self.rule = rule
        self.min_size = min_size

    def split(self, labels: Indices, shares: Sequence[float], seed: int) -> list[Indices]:
        sizes = portions(len(labels), shares, self.min_size)
        if math.isinf(self.alpha):
            return at_random(len(labels), sizes, seed)
        clients = len(sizes)
        generator = np.random.default_rng(seed_of(seed, "partition", "dirichlet", self.rule, repr(float(self.alpha)), clients))
        held = np.unique(labels, return_counts=True)[1]  # [C], classes without an image left out
        if self.rule == "per_client":
            counts = _per_client(held, sizes, self.alpha, generator)
        else:
            weights = np.asarray(shares, dtype=np.float64)
            counts = self._per_class(held, weights / weights.sum(), generator)
        return _evened(_dealt(labels, counts, generator), self.min_size, generator)

    def sizes(self, count: int, shares: Sequence[float]) -> Indices | None:
        by_labels = self.rule == "per_class" and not math.isinf(self.alpha)
        return None if by_labels else portions(count, shares, self.min_size)

    def _per_class(self, held: Indices, weights: NDArray[np.float64], generator: np.random.Generator) -> Indices:
        """held [C] images of each class, weights [clients] of sum 1 -> images of each class for each client, [C, clients]."""
        best = _shared_out(held, weights, self.alpha, generator)
        for _ in range(_DRAWS - 1):
            if best.sum(axis=0).min() >= self.min_size:
                break
            drawn = _shared_out(held, weights, self.alpha, generator)
            best = max(best, drawn, key=lambda counts: int(counts.sum(axis=0).min()))
        return best


def _shared_out(held: Indices, weights: NDArray[np.float64], alpha: float, generator: np.random.Generator) -> Indices:
    """One draw of the rule per_class: [C, clients]."""
    limits = held.sum() * weights
    sizes = np.zeros(len(weights))
    counts = np.zeros((len(held), len(weights)), dtype=np.int64)
    for row, images in enumerate(held):
        wanted = generator.dirichlet(alpha * len(weights) * weights) * (sizes < limits)
        if not wanted.sum() > 0.0:  # a small alpha gives all to one, and that one is full
            wanted = weights * (sizes < limits)
        edges = np.cumsum(wanted)
        counts[row] = np.diff(np.floor(images * (edges / edges[-1])), prepend=0.0)
        sizes += counts[row]
    return counts


def _per_client(held: Indices, sizes: Indices, alpha: float, generator: np.random.Generator) -> Indices:
    """The rule per_client: [C, clients] with `sizes` [clients] as its column sums and `held` [C] as its row sums."""
    left = held.copy()
    counts = np.zeros((len(held), len(sizes)), dtype=np.int64)
    for client in generator.permutation(len(sizes)):
        wanted = generator.dirichlet(alpha * (held / held.sum()))
        lacking = int(sizes[client])
        while lacking:  # every round but the last uses up a class
            odds = wanted * (left > 0)
            if not odds.sum() > 0.0:
                odds = left.astype(np.float64)
            taken = np.minimum(generator.multinomial(lacking, odds / odds.sum()), left)
            counts[:, client] += taken
            left -= taken
            lacking -= int(taken.sum())
    return counts


def _dealt(labels: Indices, counts: Indices, generator: np.random.Generator) -> list[Indices]:
    """Rows of each client, class by class: `counts` [C, clients] of them, which ones at random."""
    shuffled = generator.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    owners = np.concatenate([np.repeat(np.arange(counts.shape[1]), row) for row in counts])  # [N], along the classes
    together = by_class[np.argsort(owners, kind="stable")]
    return np.split(together, np.cumsum(counts.sum(axis=0))[:-1])


def _evened(rows: list[Indices], least: int, generator: np.random.Generator) -> list[Indices]:
    """The same rows, ascending, after random ones of the largest clients went to those that have fewer than `least`."""
    sizes = np.array([len(mine) for mine in rows])
    targets = at_least(sizes, least)
    mixed = [generator.permutation(mine) if lost else mine for mine, lost in zip(rows, sizes > targets, strict=True)]
    spare = np.concatenate([mine[target:] for mine, target in zip(mixed, targets, strict=True)])
    given = np.split(spare, np.cumsum(np.maximum(targets - sizes, 0))[:-1])
    return [np.sort(np.concatenate([mine[:target], more])) for mine, target, more in zip(mixed, targets, given, strict=True)]
