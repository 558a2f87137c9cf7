"""Values round a mean."""

from typing import Annotated

import numpy as np
from scipy.special import ndtr, ndtri

from edgesim.sim.distributions.base import Array, Distribution


class Normal(Distribution):
    """Normal law, restricted to an interval where bounds are given (the truncated normal law, not values moved to the bound).

    x = mean + std Phi^-1(Phi(a) + u (Phi(b) - Phi(a))),  a = (low - mean) / std,  b = (high - mean) / std.

    mean  of the law without bounds
    std   standard deviation of the law without bounds
    low   smallest value; none where left out
    high  largest value; none where left out
    """

    def __init__(
        self, *, mean: float, std: Annotated[float, "(0, inf)"], low: float | None = None, high: float | None = None
    ) -> None:
        if not std > 0.0:
            raise ValueError(f"std must be positive, got {std}")
        self.mean, self.std = mean, std
        self.low, self.high = -np.inf if low is None else low, np.inf if high is None else high
        if not self.low < self.high:
            raise ValueError(f"low must be below high, got low {low} and high {high}")
        below, above = (self.low - mean) / std, (self.high - mean) / std
        self._side = -1.0 if below > 0.0 else 1.0  # Phi loses its digits in the upper tail; the law is mirrored then
        self._edges = np.sort(ndtr([self._side * below, self._side * above]))
        if not self._edges[0] < self._edges[1]:
            raise ValueError(f"a normal law of mean {mean} and std {std} has no values between {low} and {high}")

    def draw(self, uniforms: Array) -> Array:
        first, last = self._edges
        risen = uniforms if self._side > 0.0 else 1.0 - uniforms
        values: Array = self.mean + self.std * self._side * ndtri(first + risen * (last - first))
        return np.clip(values, self.low, self.high)  # against rounding
