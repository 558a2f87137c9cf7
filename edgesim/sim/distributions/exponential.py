"""Positive values with a mean."""

from typing import Annotated

import numpy as np

from edgesim.sim.distributions.base import Array, Distribution


class Exponential(Distribution):
    """Exponential law: positive, P(X > x) = e^(-x / mean).

    mean  mean and standard deviation
    """

    def __init__(self, *, mean: Annotated[float, "(0, inf)"]) -> None:
        if not mean > 0.0:
            raise ValueError(f"mean must be positive, got {mean}")
        self.mean = mean

    def draw(self, uniforms: Array) -> Array:
        return -self.mean * np.log1p(-uniforms)
