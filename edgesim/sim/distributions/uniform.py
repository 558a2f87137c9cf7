"""Equally likely values."""

from edgesim.sim.distributions.base import Array, Distribution


class Uniform(Distribution):
    """Every value between two bounds equally likely.

    low   smallest value
    high  largest value
    """

    def __init__(self, *, low: float, high: float) -> None:
        if not low <= high:
            raise ValueError(f"low must not exceed high, got low {low} and high {high}")
        self.low, self.high = low, high

    def draw(self, uniforms: Array) -> Array:
        return self.low + (self.high - self.low) * uniforms
