"""Information density of Gray-mapped QAM behind a demapper that looks at each bit alone (BICM), by quadrature. Pure numpy.

A bit of an axis with amplitudes a_i (mean square 1/2) and noise n ~ N(0, 1/(2 gamma)), y = a_i + n, tells

    i_k = 1 - log2( sum_j p(y | a_j)  /  sum over j with the same bit k of p(y | a_j) ),

and a symbol tells the sum over the bits of both axes: I = 2 sum_k E i_k, V = 2 Var(sum_k i_k). These two numbers decide how
well codes of finite length do (Polyanskiy, Poor & Verdu, IEEE Trans. IT 56(5), 2010) [phy.md 6.1].

    python -m channels.density channels/data/density.npz      computes the table that `channels.coding` interpolates
"""

import math
import sys
from pathlib import Path

import numpy as np

from channels import gray

ORDERS = (2, 4, 6, 8)  # BPSK follows from QPSK: the same axis with all the energy
LEAST_DB, STEP_DB, POINTS = -20.0, 0.1, 651  # the table's SNRs, -20 ... 45 dB
WIDTH, NODES = 10.0, 1601  # of the trapezoidal rule, in standard deviations of the noise; exact to 1e-9


def density(bits: int, snr: float) -> tuple[float, float]:
    """Mean I [bit] and variance V [bit^2] of what a symbol of `bits` bits tells at linear SNR `snr`.

    >>> mean, variance = density(4, 10.0)
    >>> round(mean, 3), round(variance, 3)
    (3.164, 1.502)
    """
    gray.check_bits(bits)
    if not 0.0 <= snr < math.inf:
        raise ValueError(f"snr must be finite and not negative, got {snr}")
    if bits == 1:
        mean, variance = density(2, 2.0 * snr)
        return mean / 2.0, variance / 2.0
    if snr == 0.0:
        return 0.0, 0.0
    levels, label = gray.amplitudes(bits) * math.sqrt(2.0 * snr), gray.labels(bits)  # in standard deviations of the noise
    noise = np.linspace(-WIDTH, WIDTH, NODES)
    weight = np.exp(-(noise**2) / 2.0) / len(levels)
    weight /= weight.sum() * len(levels)
    told = np.zeros((len(levels), NODES))
    for row, level in enumerate(levels):
        distance = -((level + noise[:, None] - levels) ** 2) / 2.0  # [nodes, levels]
        likely = np.exp(distance - distance.max(axis=1, keepdims=True))
        same = np.stack([likely[:, label[:, k] == label[row, k]].sum(axis=1) for k in range(label.shape[1])])  # [m, nodes]
        told[row] = label.shape[1] - np.log2(likely.sum(axis=1) / np.maximum(same, np.finfo(float).tiny)).sum(axis=0)
    mean = float((told * weight).sum())
    return 2.0 * mean, 2.0 * float(((told - mean) ** 2 * weight).sum())


def table() -> np.ndarray:
    """I and V of every order at every SNR of the table, [orders, 2, points]; about a minute."""
    snrs = 10.0 ** ((LEAST_DB + STEP_DB * np.arange(POINTS)) / 10.0)
    return np.array([np.transpose([density(bits, float(snr)) for snr in snrs]) for bits in ORDERS])


if __name__ == "__main__":
    # rounded: computers differ in the last digits, and a table of fewer digits packs better
    np.savez_compressed(Path(sys.argv[1]), density=np.round(table(), 7))
