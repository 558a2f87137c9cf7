"""Truncated channel inversion (phy.md 11.6): a sender that knows the gain evens it out, and is silent in the deepest fades.

It sends sqrt(rho) s / h where |h|^2 >= threshold and nothing otherwise. The receiver sees rho times the mean SNR whenever it
sees anything; the average-power constraint E[rho / |h|^2; |h|^2 >= threshold] = 1 sets rho. Zhu, Wang & Huang, IEEE TWC 2020.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

NODES = 512  # of the Gauss-Legendre rule


def inversion_power(cdf: Callable[[NDArray[np.float64]], NDArray[np.float64]], threshold: float) -> float:
    """rho for a law of the gain and a threshold of |h|^2; for Rayleigh fading 1 / E1(threshold).

    With S = 1 - cdf, by parts:  E[1/g; g >= t] = S(t)/t - integral from 0 to 1/t of S(1/u) du. Raises ValueError for a
    threshold that is not positive (the power would not be finite) or that no gain ever reaches.

    >>> round(inversion_power(lambda gain: -np.expm1(-gain), 0.1), 4)
    0.5486
    """
    if not threshold > 0.0:
        raise ValueError(f"the threshold must be positive, got {threshold}")
    node, weight = np.polynomial.legendre.leggauss(NODES)
    inverse = (node + 1.0) / (2.0 * threshold)
    reached = 1.0 - float(cdf(np.array([threshold]))[0])
    spent = reached / threshold - float(weight @ (1.0 - cdf(1.0 / inverse))) / (2.0 * threshold)
    if not spent > 0.0:
        raise ValueError(f"the gain practically never reaches {threshold}: nothing would be sent")
    return 1.0 / spent
