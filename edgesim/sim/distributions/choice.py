"""A few values."""

import math

import numpy as np

from edgesim.sim.distributions.base import Array, Distribution


class Choice(Distribution):
    """One of a few values, at random.

    values   rising
    weights  how often each is taken, up to a factor; equally often where left out
    """

    def __init__(self, *, values: list[float], weights: list[float] | None = None) -> None:
        weights = [1.0] * len(values) if weights is None else weights
        if not values or len(weights) != len(values):
            raise ValueError(f"values must not be empty, and each needs one weight; got {len(values)} and {len(weights)}")
        if sorted(values) != values:
            raise ValueError(f"values must be rising, got {', '.join(map(str, values))}")
        if not all(math.isfinite(weight) and weight >= 0.0 for weight in weights) or not sum(weights) > 0.0:
            raise ValueError("weights must be finite and not negative, and one of them positive")
        self.values = np.asarray(values, dtype=np.float64)
        self._cumulative = np.cumsum(weights) / np.sum(weights)

    def draw(self, uniforms: Array) -> Array:
        chosen = np.searchsorted(self._cumulative, uniforms, side="right")
        return self.values[np.minimum(chosen, len(self.values) - 1)]  # against a sum of weights rounded below 1
