"""Equally likely orders of magnitude."""

from typing import Annotated

from edgesim.sim.distributions.base import Array, Distribution


class LogUniform(Distribution):
    """The logarithm is uniform: every factor of two between the bounds is equally likely.

    low   smallest value
    high  largest value
    """

    def __init__(self, *, low: Annotated[float, "(0, inf)"], high: Annotated[float, "(0, inf)"]) -> None:
        if not 0.0 < low <= high:
            raise ValueError(f"low must be positive and not exceed high, got low {low} and high {high}")
        self.low, self.high = low, high

    def draw(self, uniforms: Array) -> Array:
        values: Array = self.low * (self.high / self.low) ** uniforms
        return values
