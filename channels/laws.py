"""Laws of the power gain g = |h|^2 of mean 1: distribution, quantiles and ergodic capacity (phy.md 3)."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from channels.units import Real

WIDEST = (-85.0, 8.0)  # ln g beyond which no law here has weight that float64 could see
NODES = 1 << 17  # of the trapezoidal rule over that range: 7e-4 apart, which resolves laws as narrow as K = m = 1e6


class Law(NamedTuple):
    """What is known of a power gain in closed form.

    cdf       P(g <= gain), numbers or arrays
    quantile  its inverse
    capacity  mean linear SNR -> E log2(1 + g snr), the ergodic capacity [bit/symbol]
    """

    cdf: Callable[[Any], Any]
    quantile: Callable[[Any], Any]
    capacity: Callable[[float], float]


def rayleigh() -> Law:
    """Exp(1): the law of |h|^2, h ~ CN(0, 1)."""
    return Law(rayleigh_cdf, rayleigh_quantile, rayleigh_capacity)


def rician(k: float) -> Law:
    """The law of Rician fading of factor `k` (linear)."""
    return Law(partial(rician_cdf, k=k), partial(rician_quantile, k=k), partial(rician_capacity, k=k))


def nakagami(m: float) -> Law:
    """Gamma(m, 1/m), the law of Nakagami fading."""
    return Law(partial(nakagami_cdf, m=m), partial(nakagami_quantile, m=m), partial(nakagami_capacity, m=m))


def rayleigh_cdf(gain: Real) -> Real:
    """P(g <= gain) = 1 - e^(-gain)."""
    below: Real = -np.expm1(-gain)
    return below


def rayleigh_quantile(probability: Real) -> Real:
    """The gain that g falls below with `probability`: -ln(1 - probability)."""
    gain: Real = -np.log1p(-probability)
    return gain


def rayleigh_capacity(mean_snr: Real) -> Real:
    """E log2(1 + g mean_snr), g ~ Exp(1): e^(1/mean_snr) E1(1/mean_snr) / ln 2, the ergodic capacity [bit/symbol] (6.5).

    Computed as Tricomi's U(1, 1, x) = e^x E1(x), which does not overflow for small mean_snr (relative error < 1e-9).
    """
    rate: Real = special.hyperu(1.0, 1.0, 1.0 / mean_snr) / math.log(2.0)
    return rate


def rician_cdf(gain: Real, k: float) -> Real:
    """P(g <= gain) = 1 - Q1(sqrt(2 K), sqrt(2 (K + 1) gain)), the non-central chi-square law with two degrees of freedom.

    k  power of the direct path over that of the scattered ones, linear; 0 is Rayleigh
    """
    below: Real = special.chndtr(2.0 * (k + 1.0) * gain, 2.0, 2.0 * k)
    return below


def rician_quantile(probability: Real, k: float) -> Real:
    """The gain that g falls below with `probability`."""
    gain: Real = special.chndtrix(probability, 2.0, 2.0 * k) / (2.0 * (k + 1.0))
    return gain


def nakagami_cdf(gain: Real, m: float) -> Real:
    """P(g <= gain) = P(m, m gain), the regularised lower incomplete gamma function: g is Gamma(m, 1/m).

    m  shape, at least 1/2; 1 is Rayleigh
    """
    below: Real = special.gammainc(m, m * gain)
    return below


def nakagami_quantile(probability: Real, m: float) -> Real:
    """The gain that g falls below with `probability`."""
    gain: Real = special.gammaincinv(m, probability) / m
    return gain


def rician_capacity(mean_snr: float, k: float) -> float:
    """E log2(1 + g mean_snr), g of Rician factor `k` <= 1e6: the ergodic capacity [bit/symbol]."""

    def log_density(gain: np.ndarray) -> np.ndarray:
        root = np.sqrt(k * (1.0 + k) * gain)
        exponent: np.ndarray = -((np.sqrt((1.0 + k) * gain) - math.sqrt(k)) ** 2) + np.log(special.ive(0, 2.0 * root))
        return math.log1p(k) + exponent

    return _capacity(mean_snr, log_density)


def nakagami_capacity(mean_snr: float, m: float) -> float:
    """E log2(1 + g mean_snr), g ~ Gamma(m, 1/m), m <= 1e6: the ergodic capacity [bit/symbol]."""

    def log_density(gain: np.ndarray) -> np.ndarray:
        density: np.ndarray = m * math.log(m) - special.gammaln(m) + (m - 1.0) * np.log(gain) - m * gain
        return density

    return _capacity(mean_snr, log_density)


def nakagami_from_rician(k: float) -> float:
    """(K + 1)^2 / (2 K + 1): the m whose gain has the variance of Rician factor `k`."""
    return (k + 1.0) ** 2 / (2.0 * k + 1.0)


def _capacity(mean_snr: float, log_density: Callable[[np.ndarray], np.ndarray]) -> float:
    """The integral over u = ln g by the trapezoidal rule, which converges exponentially for such integrands."""
    if math.isinf(mean_snr):
        return math.inf
    u = np.linspace(*WIDEST, NODES)
    gain = np.exp(u)
    weight = np.exp(log_density(gain) + u)
    return float(np.dot(weight, np.log1p(mean_snr * gain)) * (u[1] - u[0]) / math.log(2.0))
