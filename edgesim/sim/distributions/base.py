"""How a value differs from client to client."""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Distribution(ABC):
    """A law of real values. Abstract: subclass it, one final subclass a file; keyword-only parameters come from YAML.

    Values are in the unit of what is varied.
    """

    @abstractmethod
    def draw(self, uniforms: Array) -> Array:
        """Uniform numbers in (0, 1), [n] -> values, [n]: the inverse of the distribution function, so rising in `uniforms`."""
