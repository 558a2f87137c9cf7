"""How often coded blocks fail: the normal approximation with the information that a QAM symbol really carries. Pure numpy.

A block of k bits, checksum included, sent in n symbols that told I bits with variance V in all, fails with probability

    eps = Q( (I - k + log2(n)/2) / sqrt(V) ),   I = n I_M(snr/gap),  V = n 1.48 V_M(snr/gap)

(Polyanskiy, Poor & Verdu, IEEE Trans. IT 56(5), 2010), with I_M and V_M of `channels.density`. The gap and the factor 1.48 are
calibrated to a 5G LDPC decoder of 20 iterations (phy.md 6.1): the SNR at which one block of ten fails is met within 0.13 dB.
`bits` is always the bits of a symbol: 1, 2, 4, 6 or 8. SNRs are linear, Es/N0; 0 and infinity are allowed.
"""

import math
from importlib import resources

import numpy as np
from scipy import special

from channels.density import LEAST_DB, ORDERS, POINTS, STEP_DB
from channels.gray import check_bits

WIDER = 1.48  # a real decoder's waterfall against the approximation's, in variance
LEAST = 10.0 ** (LEAST_DB / 10.0)
MOST_DB = LEAST_DB + STEP_DB * (POINTS - 1)


def _table() -> dict[int, np.ndarray]:
    """I and V of each order at the table's SNRs, [2, points]."""
    table = resources.files("channels") / "data" / "density.npz"
    with table.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        return dict(zip(ORDERS, stored["density"], strict=True))


_DENSITY = _table()  # read-only facts, like a formula's constants
for _values in _DENSITY.values():
    _values.flags.writeable = False
_STACKED = np.stack([_DENSITY[bits] for bits in ORDERS], axis=1)  # [2, orders, points]
_LISTS = {bits: (values[0].tolist(), values[1].tolist()) for bits, values in _DENSITY.items()}


def information(bits: int | np.ndarray, snr: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """I_M [bit] and V_M [bit^2] of a symbol at each SNR, two arrays like `snr`; linear in dB between the table's points.

    Below -20 dB both fall in proportion to the SNR; from 45 dB on everything arrives: I = bits, V = 0. `bits` may differ from
    SNR to SNR, then each must be 2, 4, 6 or 8. Raises ValueError for an SNR that is negative or NaN.
    """
    snr = np.asarray(snr, dtype=np.float64)
    if not (snr >= 0.0).all():
        raise ValueError(f"SNR must not be negative or NaN, got {snr.min()}")
    if not isinstance(bits, np.ndarray):
        check_bits(bits)
        if bits == 1:
            mean, variance = information(2, 2.0 * snr)
            return mean / 2.0, variance / 2.0
    place, share = grid(decibels(np.maximum(snr, LEAST)))
    weak = np.minimum(snr / LEAST, 1.0)
    row = np.asarray(bits) // 2 - 1
    mean, variance = ((kind[row, place] * (1.0 - share) + kind[row, place + 1] * share) * weak for kind in _STACKED)
    strong = snr >= 10.0 ** (MOST_DB / 10.0)
    return np.where(strong, np.asarray(bits, dtype=np.float64), mean), np.where(strong, 0.0, variance)


def told(bits: int, snr: float) -> tuple[float, float]:
    """`information` of one symbol of 2, 4, 6 or 8 bits without an array, a hundred times as fast."""
    if snr < LEAST:
        mean, variance = _LISTS[bits][0][0], _LISTS[bits][1][0]
        return mean * snr / LEAST, variance * snr / LEAST
    where = (10.0 * math.log10(snr) - LEAST_DB) / STEP_DB
    place = int(where) if where < POINTS else POINTS
    if place >= POINTS - 1:
        return float(bits), 0.0
    share = where - place
    means, variances = _LISTS[bits]
    mean = means[place] + (means[place + 1] - means[place]) * share
    return mean, variances[place] + (variances[place + 1] - variances[place]) * share


def decibels(snr: np.ndarray) -> np.ndarray:
    """10 log10 of SNRs above 0 [dB]."""
    level: np.ndarray = 10.0 * np.log10(snr)
    return level


def grid(snr_db: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The table's point at or below each SNR [dB], and how far it is to the next one, 0 ... 1; the ends hold beyond them."""
    where = np.clip((snr_db - LEAST_DB) / STEP_DB, 0.0, POINTS - 1.0)
    place = np.minimum(where.astype(np.int64), POINTS - 2)
    return place, where - place


def snr_for(bits: int, mean: np.ndarray) -> np.ndarray:
    """The SNR at which a symbol tells `mean` bits: the inverse of I_M. Between 0 and infinity."""
    check_bits(bits)
    if bits == 1:
        return snr_for(2, 2.0 * np.asarray(mean)) / 2.0
    told = np.asarray(mean, dtype=np.float64)
    known = _DENSITY[bits][0]
    level = np.interp(told, np.maximum.accumulate(known), LEAST_DB + STEP_DB * np.arange(POINTS))
    snr = np.where(told < known[0], LEAST * told / known[0], 10.0 ** (level / 10.0))
    return np.where(told >= bits, math.inf, snr)


def gap_db(bits: int, block_bits: float) -> float:
    """0.73 + 0.08/sqrt(k/1000) + 0.027 (bits - 2): what a 5G LDPC decoder loses against the best codes [dB]."""
    check_bits(bits)
    if not block_bits >= 1.0:
        raise ValueError(f"block_bits must be at least 1, got {block_bits}")
    return 0.73 + 0.08 / math.sqrt(block_bits / 1000.0) + 0.027 * (bits - 2)


def block_error_rate(
    bits: int, snr: np.ndarray, symbols: np.ndarray | float, block_bits: float, gap: float | None = None
) -> np.ndarray:
    """eps of code blocks of `block_bits` bits in `symbols` symbols at constant SNR, [...].

    gap  linear; None: `gap_db`
    """
    if gap is None:
        gap = 10.0 ** (gap_db(bits, block_bits) / 10.0)
    mean, variance = information(bits, np.asarray(snr) / gap)
    return failure(symbols * mean, symbols * WIDER * variance, np.asarray(symbols), np.asarray(block_bits))


def failure(mean: np.ndarray, variance: np.ndarray, symbols: np.ndarray, block_bits: np.ndarray) -> np.ndarray:
    """eps of blocks that were told `mean` bits of `variance` [bit^2] in all; the sums may run over unequal symbols, [...]."""
    return tail(margin(mean, variance, symbols, block_bits))


def margin(mean: np.ndarray, variance: np.ndarray, symbols: np.ndarray, block_bits: np.ndarray) -> np.ndarray:
    """(I - k + log2(n)/2) / sqrt(V), the argument of Q; +-inf where nothing is left to chance."""
    over = mean - block_bits + 0.5 * np.log2(np.maximum(symbols, 1.0))
    spread = np.sqrt(variance)
    certain = np.where(over >= 0.0, math.inf, -math.inf)
    argument: np.ndarray = np.divide(over, spread, out=certain, where=spread > 0.0)
    return argument


def tail(x: np.ndarray) -> np.ndarray:
    """Q(x) = erfc(x / sqrt 2) / 2."""
    probability: np.ndarray = special.erfc(x * math.sqrt(0.5)) / 2.0
    return probability


def any_of(count: np.ndarray, failure: np.ndarray) -> np.ndarray:
    """1 - (1 - eps)^C: one of C code blocks fails, [...]."""
    if (count == 1).all():
        return failure
    sure = failure == 1.0
    any_fails: np.ndarray = np.where(sure, 1.0, -np.expm1(count * np.log1p(-np.where(sure, 0.0, failure))))
    return any_fails


def one_of(count: int, failure: float) -> float:
    """`any_of` for one packet."""
    return 1.0 if failure == 1.0 else -math.expm1(count * math.log1p(-failure))


def mutual_information_snr(bits: int, snr: np.ndarray) -> np.ndarray:
    """MIESM: the one SNR that tells as much as the SNRs of one block together, [..., n] -> [...] [phy.md 6.3]."""
    return snr_for(bits, information(bits, snr)[0].mean(axis=-1))


def exponential_snr(snr: np.ndarray, beta: float) -> np.ndarray:
    """EESM: -beta ln(mean e^(-snr/beta)) over the last axis, [..., n] -> [...]; beta belongs to the scheme [phy.md 6.3].

    >>> round(float(exponential_snr(np.array([4.0, 4.0]), beta=1.5)), 9)
    4.0
    """
    if not beta > 0.0:
        raise ValueError(f"beta must be positive, got {beta}")
    snr = np.asarray(snr, dtype=np.float64)
    least = snr.min(axis=-1, keepdims=True)
    if not (least >= 0.0).all():
        raise ValueError(f"SNR must not be negative or NaN, got {snr.min()}")
    beyond = np.where(snr == least, 0.0, snr - np.where(np.isinf(least), 0.0, least))  # without infinity less infinity
    effective: np.ndarray = least[..., 0] - beta * np.log(np.exp(-beyond / beta).mean(axis=-1))
    return effective
