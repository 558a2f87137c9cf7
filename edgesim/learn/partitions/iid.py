"""Equal shares at random."""

from collections.abc import Sequence

from edgesim.learn.partitions.base import Partition
from edgesim.learn.partitions.portions import at_random, portions
from edgesim.learn.pictures import Indices


class Iid(Partition):
    """Every client gets its share drawn at random from the whole set (sizes of equal shares differ by one at most)."""

    def split(self, labels: Indices, shares: Sequence[float], seed: int) -> list[Indices]:
        return at_random(len(labels), self.sizes(len(labels), shares), seed)

    def sizes(self, count: int, shares: Sequence[float]) -> Indices:
        return portions(count, shares)
