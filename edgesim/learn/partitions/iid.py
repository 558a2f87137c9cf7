"""Equal shares at random."""

import numpy as np

from edgesim.learn.partitions.base import Partition
from edgesim.learn.pictures import Indices
from edgesim.rng import seed as seed_of


class Iid(Partition):
    """Every client gets an equal share drawn at random (sizes differ by one at most)."""

    def split(self, labels: Indices, clients: int, seed: int) -> list[Indices]:
        if not 1 <= clients <= len(labels):
            raise ValueError(f"clients must be between 1 and the {len(labels)} training samples, got {clients}")
        shuffled = np.random.default_rng(seed_of(seed, "partition", "iid", clients)).permutation(len(labels))
        return [np.sort(share) for share in np.array_split(shuffled, clients)]
