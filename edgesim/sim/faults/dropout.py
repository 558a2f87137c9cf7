"""Clients that leave a round out."""

from typing import Annotated

import numpy as np

from edgesim import rng
from edgesim.sim.faults.base import Fault


class Dropout(Fault):
    """Every client leaves every round out with some probability, before it begins; nothing is sent or charged for it.

    A round that everybody leaves out is lost: it is counted and takes no time.

    probability  that a client takes no part in a round
    """

    def __init__(self, seed: int, *, probability: Annotated[float, "(0, 1)"]) -> None:
        super().__init__(seed)
        if not 0.0 < probability < 1.0:
            raise ValueError(f"probability must be above 0 and below 1, got {probability}")
        self._probability = probability

    def dropouts(self, clients: int, number: int) -> np.ndarray | None:
        drawn: np.ndarray = np.random.default_rng(rng.seed(self.seed, number)).random(clients) < self._probability
        return drawn
