"""Distances of places spread over an area."""

from typing import Annotated

import numpy as np

from edgesim.sim.distributions.base import Array, Distribution


class Disc(Distribution):
    """Distance from the centre of points spread evenly over a disc, or over a ring: P(R <= r) = (r^2 - r0^2) / (r1^2 - r0^2).

    radius_m  outer radius r1 [m]
    inner_m   inner radius r0, of the area round the station where nobody is [m]
    """

    def __init__(self, *, radius_m: Annotated[float, "(0, inf)"], inner_m: Annotated[float, "[0, inf)"] = 0.0) -> None:
        if not 0.0 <= inner_m < radius_m:
            raise ValueError(f"need 0 <= inner_m < radius_m, got inner_m {inner_m} and radius_m {radius_m}")
        self.radius_m, self.inner_m = radius_m, inner_m

    def draw(self, uniforms: Array) -> Array:
        inner, outer = self.inner_m**2, self.radius_m**2
        return np.sqrt(inner + (outer - inner) * uniforms)
