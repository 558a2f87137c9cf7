"""One value."""

import numpy as np

from edgesim.sim.distributions.base import Array, Distribution


class Constant(Distribution):
    """The same value for everyone.

    value  it
    """

    def __init__(self, *, value: float) -> None:
        self.value = value

    def draw(self, uniforms: Array) -> Array:
        return np.full(len(uniforms), self.value)
