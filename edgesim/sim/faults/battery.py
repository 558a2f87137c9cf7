"""Batteries that empty."""

from typing import Annotated

import numpy as np

from edgesim import rng
from edgesim.sim.distributions.base import Distribution
from edgesim.sim.faults.base import Fault


class Battery(Fault):
    """A device is gone for good when it has drawn the energy of its battery, its idle draw included.

    What it was doing is cut short at that instant and charged for its part.

    joules  of a battery: a number, or a law by which each client draws its own [J]
    """

    def __init__(self, seed: int, *, joules: Annotated[float, "(0, inf)"] | Distribution) -> None:
        super().__init__(seed)
        if not isinstance(joules, Distribution) and not joules > 0.0:
            raise ValueError(f"joules must be positive, got {joules}")
        self._joules = joules

    def capacity_j(self, client: int) -> float:
        if not isinstance(self._joules, Distribution):
            return self._joules
        uniform = ((rng.seed(self.seed, client) >> 11) + 0.5) * 2.0**-52
        drawn = float(self._joules.draw(np.array([uniform]))[0])
        if not drawn > 0.0:
            raise ValueError(f"client {client} draws a battery of {drawn:.6g} J: bound the law above 0")
        return drawn
