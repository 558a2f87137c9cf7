"""Gray-labelled amplitudes of 5G NR's modulations (TS 38.211, 5.1.3-5.1.6). Pure numpy.

A square QAM symbol of Q bits is two amplitudes of m = Q/2 bits each, one per axis: even bits choose the real part, odd bits the
imaginary part. With s = 1 - 2b for a bit b, the bits b0 b1 ... of one axis give the amplitude

    A s0 (2^(m-1) - s1 (2^(m-2) - s2 ( ... (2 - s[m-1]))))),   A = sqrt(3 / (2 (2^Q - 1))),   A s0 for m = 1,

an odd multiple of A, of mean square 1/2. BPSK is +-1 on the real axis; the standard's turn by 45 degrees changes nothing.
"""

import math

import numpy as np

BITS = (1, 2, 4, 6, 8)  # bits per symbol: BPSK, QPSK, 16-, 64- and 256-QAM


def check_bits(bits: int) -> None:
    """Raise ValueError unless `bits` per symbol is one of `BITS`."""
    if bits not in BITS:
        raise ValueError(f"bits per symbol must be 1, 2, 4, 6 or 8 (BPSK, QPSK, 16-, 64-, 256-QAM), got {bits}")


def axis_bits(bits: int) -> int:
    """m, the bits that choose one amplitude."""
    return max(1, bits // 2)


def spacing(bits: int) -> float:
    """A, half the distance of neighbouring amplitudes; a symbol has unit mean energy.

    >>> round(spacing(4) ** -2)
    10
    """
    check_bits(bits)
    return 1.0 if bits == 1 else math.sqrt(1.5 / (2**bits - 1))


def labels(bits: int) -> np.ndarray:
    """The bits of each label 0 ... 2^m - 1 of one axis, the first bit highest; [2^m, m] of 0 and 1."""
    m = axis_bits(bits)
    shifts = np.arange(m - 1, -1, -1)
    return (np.arange(2**m)[:, None] >> shifts) & 1


def amplitudes(bits: int) -> np.ndarray:
    """The amplitude of each label of one axis, [2^m].

    >>> (amplitudes(4) / spacing(4)).round().tolist()
    [1.0, 3.0, -1.0, -3.0]
    """
    sign = 1.0 - 2.0 * labels(bits)  # [2^m, m]
    m = sign.shape[1]
    size = np.ones(2**m)
    for bit in range(m - 1, 0, -1):
        size = 2.0 ** (m - bit) - sign[:, bit] * size
    return spacing(bits) * sign[:, 0] * size


def symbols(bits: int) -> np.ndarray:
    """The symbol of each label 0 ... 2^bits - 1, its first bit highest; [2^bits] complex, unit mean energy.

    >>> symbols(2).round(3).tolist()
    [(0.707+0.707j), (0.707-0.707j), (-0.707+0.707j), (-0.707-0.707j)]
    """
    axis = amplitudes(bits)
    if bits == 1:
        return axis.astype(np.complex128)
    place = np.arange(2**bits)
    real, imaginary = np.zeros_like(place), np.zeros_like(place)
    for bit in range(0, bits, 2):
        real = 2 * real + (place >> (bits - 1 - bit) & 1)
        imaginary = 2 * imaginary + (place >> (bits - 2 - bit) & 1)
    points: np.ndarray = axis[real] + 1j * axis[imaginary]
    return points
