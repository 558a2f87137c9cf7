"""How a training set is shared out among clients."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from edgesim.learn.pictures import Indices


class Partition(ABC):
    """A rule of sharing. Abstract: subclass it, one final subclass a file; keyword-only parameters come from YAML."""

    @abstractmethod
    def split(self, labels: Indices, shares: Sequence[float], seed: int) -> list[Indices]:
        """Class numbers [N] -> the rows of each client, ascending; every row belongs to one client, every client has some.

        shares: positive, one for each client; a client of share 2 is to have twice the rows of one of share 1.
        seed: the run's; streams of a partition are its own, so that it does not depend on how training is seeded.
        Raises ValueError where there are too few rows.
        """

    def sizes(self, count: int, shares: Sequence[float]) -> Indices | None:
        """How many of `count` rows each client gets, [clients]; None for a rule that must look at the labels for that.

        Raises ValueError where there are too few rows.
        """
        return None
