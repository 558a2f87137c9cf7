"""How a training set is shared out among clients."""

from abc import ABC, abstractmethod

from edgesim.learn.pictures import Indices


class Partition(ABC):
    """A rule of sharing. Abstract: subclass it, one final subclass a file; keyword-only parameters come from YAML."""

    @abstractmethod
    def split(self, labels: Indices, clients: int, seed: int) -> list[Indices]:
        """Class numbers [N] -> the rows of each client, ascending; every row belongs to one client.

        seed: the run's; streams of a partition are its own, so that it does not depend on how training is seeded.
        """
