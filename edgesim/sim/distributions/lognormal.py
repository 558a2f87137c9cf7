"""Values whose logarithm is normal."""

from typing import Annotated

import numpy as np
from scipy.special import ndtri

from edgesim.sim.distributions.base import Array, Distribution


class Lognormal(Distribution):
    """The natural logarithm is normal: positive, with a few large values; mean = median e^(sigma^2 / 2).

    median  half the clients are below
    sigma   standard deviation of the natural logarithm
    """

    def __init__(self, *, median: Annotated[float, "(0, inf)"], sigma: Annotated[float, "(0, inf)"]) -> None:
        if not (median > 0.0 and sigma > 0.0):
            raise ValueError(f"median and sigma must be positive, got {median} and {sigma}")
        self.median, self.sigma = median, sigma

    def draw(self, uniforms: Array) -> Array:
        values: Array = self.median * np.exp(self.sigma * ndtri(uniforms))
        return values
