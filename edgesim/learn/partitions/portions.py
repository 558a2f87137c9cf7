"""Whole numbers of rows in given proportions, and dealing the rows out."""

from collections.abc import Sequence

import numpy as np

from edgesim.learn.pictures import Indices
from edgesim.rng import seed as seed_of


def portions(count: int, shares: Sequence[float], least: int = 1) -> Indices:
    """`count` cut into whole numbers proportional to `shares`, each at least `least`: [clients], in O(clients log clients).

    Largest remainders (Hamilton's method): every quota is rounded down, and the largest fractions are rounded up, the first of
    equal ones. Raises ValueError where `least` each is more than there is, or a share is not positive.
    """
    weights = np.asarray(shares, dtype=np.float64)
    if not len(weights) or not np.all((weights > 0.0) & np.isfinite(weights)):
        raise ValueError("every share of the data must be positive and finite, and there must be one for each client")
    quotas = count * (weights / weights.sum())
    sizes = np.floor(quotas).astype(np.int64)
    short = count - int(sizes.sum())
    sizes[np.argsort(sizes - quotas, kind="stable")[:short]] += 1
    return at_least(sizes, least)


def at_least(sizes: Indices, least: int) -> Indices:
    """The same sum, with every size raised to `least` by taking from the largest, one at a time, the last of equal ones first.

    Raises ValueError where `least` each is more than there is.
    """
    count, clients = int(sizes.sum()), len(sizes)
    if clients * least > count:
        raise ValueError(
            f"{clients} clients cannot have at least {least} training images each: there are {count}; "
            "use fewer clients or a smaller minimum"
        )
    lacking = int(np.maximum(least - sizes, 0).sum())
    level, high = least, int(sizes.max())  # the highest level that frees enough when all above it come down to it
    while level < high:
        middle = (level + high + 1) // 2
        if int(np.maximum(sizes - middle, 0).sum()) >= lacking:
            level = middle
        else:
            high = middle - 1
    raised = np.clip(sizes, least, level)
    back = count - int(raised.sum())  # the last step of the level freed a few too many
    raised[np.flatnonzero(sizes > level)[:back]] += 1
    return raised


def at_random(count: int, sizes: Indices, seed: int) -> list[Indices]:
    """Rows 0 ... count - 1 dealt out at random, `sizes` [clients] of them to each client; ascending.

    seed: the run's. The stream depends on it and on the number of clients alone.
    """
    shuffled = np.random.default_rng(seed_of(seed, "partition", "iid", len(sizes))).permutation(count)
    return [np.sort(rows) for rows in np.split(shuffled, np.cumsum(sizes)[:-1])]
