"""Exact bit error rates of Gray-mapped square QAM, over white noise and averaged over fading. Pure numpy.

Over AWGN at SNR gamma (Es/N0) bit k = 1 ... m of an axis of L = 2^m amplitudes is wrong with probability

    P_k = sum_i c_ki erfc((2 i + 1) sqrt(a)),   a = 3 gamma / (2 (M - 1)),  M = 2^bits,
    c_ki = (-1)^floor(i 2^(k-1) / L) (2^(k-1) - floor(i 2^(k-1) / L + 1/2)) / L,   0 <= i < (1 - 2^-k) L

(Cho & Yoon, IEEE Trans. Commun. 50(7), 2002) [5.2]. BPSK is one axis with all the energy, a = gamma. Averages replace erfc(x)/2
by its mean over the fading, which a law's moment generating function gives (Simon & Alouini) [5.3].

Rates per bit come in the order of the bits of a symbol: even bits on the real axis, odd bits on the imaginary one.
Numbers in brackets are sections of phy.md.
"""

import math
from collections.abc import Callable

import numpy as np
from scipy import special

from channels import gray

NODES = 128  # of the Gauss-Legendre rule; relative error < 1e-10 for 1e-3 <= a mean_snr <= 1e4
Tail = Callable[[np.ndarray], np.ndarray]  # a gamma [...] -> mean of erfc(sqrt(a gamma)) / 2
GeneratingFunction = Callable[[np.ndarray, np.ndarray], np.ndarray]  # s < 0, mean SNR -> E e^(s gamma), broadcasting


def bit_errors(bits: int, snr: np.ndarray | float) -> np.ndarray:
    """Error rate of each bit of a symbol over AWGN, [bits, ...] for a linear SNR [...].

    >>> bit_errors(4, 10.0).round(4).tolist()
    [0.0393, 0.0393, 0.0787, 0.0787]
    """
    return _levels(bits, _checked(snr), lambda x: special.erfc(np.sqrt(x)) / 2.0)


def bit_error_rate(bits: int, snr: np.ndarray | float) -> np.ndarray:
    """Mean over the bits of a symbol, [...]."""
    rate: np.ndarray = bit_errors(bits, snr).mean(axis=0)
    return rate


def rayleigh_bit_errors(bits: int, mean_snr: np.ndarray | float) -> np.ndarray:
    """`bit_errors` averaged over Rayleigh fading: E erfc(sqrt(a g))/2 = (1 - sqrt(a/(1 + a)))/2."""
    return nakagami_bit_errors(bits, mean_snr, 1.0)


def nakagami_bit_errors(bits: int, mean_snr: np.ndarray | float, m: float) -> np.ndarray:
    """`bit_errors` averaged over Nakagami-m fading.

    For integer m in closed form, mu = sqrt(a/(m + a)): ((1 - mu)/2)^m sum_(k<m) C(m-1+k, k) ((1 + mu)/2)^k; otherwise from the
    moment generating function (1 - s mean_snr/m)^-m. Raises ValueError for m < 1/2.
    """
    if not 0.5 <= m < math.inf:
        raise ValueError(f"m must be at least 0.5 and finite, got {m}")
    snr = _checked(mean_snr)
    if m == int(m) and m <= NODES:
        return _levels(bits, snr, lambda x: _nakagami_tail(x, int(m)))
    return averaged_bit_errors(bits, snr, lambda s, snr: (1.0 - s * snr / m) ** -m)


def rician_bit_errors(bits: int, mean_snr: np.ndarray | float, k: float) -> np.ndarray:
    """`bit_errors` averaged over Rician fading of factor k (linear), from its moment generating function

    (1 + k)/(1 + k - s mean_snr) exp(k s mean_snr/(1 + k - s mean_snr)).
    """
    if not 0.0 <= k < math.inf:
        raise ValueError(f"k must be non-negative and finite, got {k}")

    def moments(s: np.ndarray, snr: np.ndarray) -> np.ndarray:
        below = 1.0 + k - s * snr
        generated: np.ndarray = (1.0 + k) / below * np.exp(k * s * snr / below)
        return generated

    return averaged_bit_errors(bits, mean_snr, moments)


def averaged_bit_errors(bits: int, mean_snr: np.ndarray | float, moments: GeneratingFunction) -> np.ndarray:
    """`bit_errors` averaged over a fading law given by its moment generating function, [bits, ...].

    E erfc(sqrt(a gamma))/2 = (1/pi) integral from 0 to pi/2 of M(-a / sin^2 theta) d theta, Gauss-Legendre.
    """
    node, weight = np.polynomial.legendre.leggauss(NODES)
    angle = (node + 1.0) * math.pi / 4.0
    inverse, weight = 1.0 / np.sin(angle) ** 2, weight / 4.0  # (1/pi) (pi/4) sum
    snr = _checked(mean_snr)
    finite = np.where(np.isinf(snr), 1.0, snr)[..., None]

    def tail(x: np.ndarray) -> np.ndarray:  # x [...] = a mean_snr
        share = np.divide(x, snr, out=np.zeros_like(x), where=(snr > 0.0) & (snr < math.inf))[..., None]  # a
        mean: np.ndarray = moments(-share * inverse, finite) @ weight
        return np.where(np.isinf(snr), 0.0, mean)

    return _levels(bits, snr, tail)


def packet_error_rate(bits: int, snr: float, size_bits: int) -> float:
    """1 - prod (1 - P_bit): how often an uncoded packet of `size_bits` has an error, bits dealt to symbols in order [5.2].

    Raises ValueError for a negative size.
    """
    if size_bits < 0:
        raise ValueError(f"size_bits must not be negative, got {size_bits}")
    right = np.log1p(-bit_errors(bits, snr))  # [bits]
    whole, rest = divmod(size_bits, bits)
    return float(-np.expm1(whole * right.sum() + right[:rest].sum()))


def axis_weights(bits: int) -> np.ndarray:
    """c_ki of every bit of an axis, [m, 2^m - 1]; zeros fill the rows. The factor erfc = 2 (erfc/2) is in them."""
    gray.check_bits(bits)
    m = gray.axis_bits(bits)
    size = 2**m
    weights = np.zeros((m, size - 1))
    for k in range(1, m + 1):
        i = np.arange(size - size // 2**k)
        step = 2 ** (k - 1)
        weights[k - 1, : len(i)] = (-1.0) ** (i * step // size) * (step - (2 * i * step + size) // (2 * size)) / size
    return 2.0 * weights


def _levels(bits: int, snr: np.ndarray, tail: Tail) -> np.ndarray:
    """sum_i c_ki tail((2 i + 1)^2 A^2 snr) for every bit of a symbol, [bits, ...]."""
    weights = axis_weights(bits)
    odd = 2.0 * np.arange(weights.shape[1]) + 1.0
    scale = (odd * gray.spacing(bits)) ** 2  # BPSK: 1
    tails = np.stack([tail(factor * snr) for factor in scale])  # [2^m - 1, ...]
    axis = np.tensordot(weights, tails, axes=1)  # [m, ...]
    return axis if bits == 1 else np.repeat(axis, 2, axis=0)


def _nakagami_tail(x: np.ndarray, m: int) -> np.ndarray:
    mu = np.sqrt(np.divide(x, m + x, out=np.ones_like(x), where=x < math.inf))
    low = np.where(x < math.inf, 0.5 * m / (m + x) / (1.0 + mu), 0.0)  # (1 - mu)/2 without cancellation
    total = sum(math.comb(m - 1 + k, k) * (1.0 - low) ** k for k in range(m))
    mean: np.ndarray = low**m * total
    return mean


def _checked(snr: np.ndarray | float) -> np.ndarray:
    given = np.asarray(snr, dtype=np.float64)
    if not (given >= 0.0).all():
        raise ValueError(f"SNR must not be negative or NaN, got {given.min()}")
    return given
