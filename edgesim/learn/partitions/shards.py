"""A few runs of the set sorted by class for each client."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np

from edgesim.learn.partitions.base import Partition
from edgesim.learn.partitions.portions import portions
from edgesim.learn.pictures import Indices
from edgesim.rng import seed as seed_of


class Shards(Partition):
    """The set sorted by class and cut into shards, a few to each client at random: most clients see very few classes.

    With S shards a client, N clients get N S shards of |D| / (N S) images; images of one class are in random order. A client of
    a larger share gets more shards. Source: McMahan et al., Communication-Efficient Learning of Deep Networks from
    Decentralized Data, AISTATS 2017, section 3 (pathological non-IID: 200 shards, 2 for each of 100 clients).

    shards_per_client  S, shards of a client of mean share; the fewer, the more skewed
    """

    def __init__(self, *, shards_per_client: Annotated[int, "[1, inf)"] = 2) -> None:
        if shards_per_client < 1:
            raise ValueError(f"shards_per_client must be at least 1, got {shards_per_client}")
        self.shards_per_client = shards_per_client

    def split(self, labels: Indices, shares: Sequence[float], seed: int) -> list[Indices]:
        clients = len(shares)
        generator = np.random.default_rng(seed_of(seed, "partition", "shards", self.shards_per_client, clients))
        shuffled = generator.permutation(len(labels))
        by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
        shards, sizes = self._shards(len(labels), shares), self.sizes(len(labels), shares)
        owners = np.repeat(np.arange(clients), shards)  # [shards in all]
        nth = np.arange(len(owners)) - np.repeat(np.cumsum(shards) - shards, shards)  # which of its owner's shards it is
        lengths = sizes[owners] // shards[owners] + (nth < sizes[owners] % shards[owners])
        order = generator.permutation(len(owners))  # the shards along the sorted set
        owner_of_row = np.repeat(owners[order], lengths[order])
        together = by_class[np.argsort(owner_of_row, kind="stable")]
        return [np.sort(rows) for rows in np.split(together, np.cumsum(sizes)[:-1])]

    def sizes(self, count: int, shares: Sequence[float]) -> Indices:
        return portions(count, self._shards(count, shares).tolist())

    def _shards(self, count: int, shares: Sequence[float]) -> Indices:
        """How many shards each client gets, [clients]: one at least, and none of them empty."""
        total = self.shards_per_client * len(shares)
        if total > count:
            raise ValueError(
                f"{len(shares)} clients with {self.shards_per_client} shards each need at least {total} training images; "
                f"there are {count}; use fewer clients or shards_per_client"
            )
        return portions(total, shares)
