"""Truncated channel inversion (phy.md 11.6): a sender that knows the gain evens it out, and is silent in the deepest fades.

It sends sqrt(rho) s / h where |h|^2 >= threshold and nothing otherwise. The receiver sees rho times the mean SNR whenever it
sees anything; the average-power constraint E[rho / |h|^2; |h|^2 >= threshold] = 1 sets rho. Zhu, Wang & Huang, IEEE TWC 2020.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

NODES = 24  # of the Gauss-Legendre rule on each panel
WIDEST = 8.0  # ln g beyond which no law has weight that float64 could see
FINEST, PANELS = 1e-4, 48  # panels either side of ln g = 0: the first is so wide, for laws as narrow as K = m = 1e6


def inversion_power(cdf: Callable[[NDArray[np.float64]], NDArray[np.float64]], threshold: float) -> float:
    """rho for a law of the gain and a threshold of |h|^2; for Rayleigh fading 1 / E1(threshold).

    With F = cdf, by parts:  E[1/g; g >= t] = integral from t on of F(g) / g^2 dg - F(t)/t, taken over ln g. Raises ValueError
    for a threshold that is not positive (the power would not be finite) or that no gain ever reaches.

    >>> round(inversion_power(lambda gain: -np.expm1(-gain), 0.1), 4)
    0.5486
    """
    if not threshold > 0.0:
        raise ValueError(f"the threshold must be positive, got {threshold}")
    low = math.log(threshold)
    side = np.concatenate([[0.0], np.geomspace(FINEST, max(WIDEST, -low), PANELS)])
    edges = np.unique(np.clip(np.concatenate([-side, side]), low, max(low, WIDEST)))
    node, weight = np.polynomial.legendre.leggauss(NODES)
    half = np.diff(edges)[:, None] / 2.0
    u = edges[:-1, None] + half * (node + 1.0)  # [panels, NODES]
    spent = float((cdf(np.exp(u)) * np.exp(-u) * weight * half).sum()) + math.exp(-max(low, WIDEST))
    spent -= float(cdf(np.array([threshold]))[0]) / threshold
    if not spent > 0.0:
        raise ValueError(f"the gain practically never reaches {threshold}: nothing would be sent")
    return 1.0 / spent
