"""Modulation and coding schemes of 5G NR, and the sizes of its transport blocks (TS 38.214, TS 38.212). Pure numpy.

mcs1 mcs2 mcs3  tables 5.1.3.1-1 (up to 64-QAM), -2 (up to 256-QAM) and -3 (low spectral efficiency), without reserved rows
cqi1 cqi2 cqi3  tables 5.2.2.1-2, -3 and -4: what a receiver reports; row 0 is index 1, index 0 means out of range
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np


class Schemes(NamedTuple):
    """A table of modulation and coding schemes.

    bits  [schemes] int, bits per symbol
    rate  [schemes] code rate, information bits per coded bit
    """

    bits: np.ndarray
    rate: np.ndarray

    @property
    def efficiency(self) -> np.ndarray:
        """Information bits per symbol, [schemes]; not always ascending: mcs1 falls from 16 to 17."""
        per_symbol: np.ndarray = self.bits * self.rate
        return per_symbol


class Blocks(NamedTuple):
    """How transport blocks are cut for the encoder (TS 38.212, 5.2.2 and 7.2.2).

    number       code blocks of each transport block
    size_bits    bits of each code block, checksums included
    mother_rate  of the base graph: 1/3 or 1/5; no parity beyond it exists
    """

    number: np.ndarray
    size_bits: np.ndarray
    mother_rate: np.ndarray


def _schemes(*rows: tuple[int, str]) -> Schemes:
    """Rows of one modulation each: bits per symbol and code rates x 1024."""
    rates = [np.array(text.split(), dtype=np.float64) for _bits, text in rows]
    bits = np.repeat([bits for bits, _text in rows], [len(part) for part in rates])
    return Schemes(bits, np.concatenate(rates) / 1024.0)


TABLES = {
    "mcs1": _schemes(
        (2, "120 157 193 251 308 379 449 526 602 679"),
        (4, "340 378 434 490 553 616 658"),
        (6, "438 466 517 567 616 666 719 772 822 873 910 948"),
    ),
    "mcs2": _schemes(
        (2, "120 193 308 449 602"),
        (4, "378 434 490 553 616 658"),
        (6, "466 517 567 616 666 719 772 822 873"),
        (8, "682.5 711 754 797 841 885 916.5 948"),
    ),
    "mcs3": _schemes(
        (2, "30 40 50 64 78 99 120 157 193 251 308 379 449 526 602"),
        (4, "340 378 434 490 553 616"),
        (6, "438 466 517 567 616 666 719 772"),
    ),
    "cqi1": _schemes((2, "78 120 193 308 449 602"), (4, "378 490 616"), (6, "466 567 666 772 873 948")),
    "cqi2": _schemes((2, "78 193 449"), (4, "378 490 616"), (6, "466 567 666 772 873"), (8, "711 797 885 948")),
    "cqi3": _schemes((2, "30 50 78 120 193 308 449 602"), (4, "378 490 616"), (6, "466 567 666 772")),
}

# Table 5.1.3.2-1, sizes up to 3824 bits: first, last, step
_RANGES = (
    (24, 192, 8), (208, 384, 16), (408, 576, 24), (608, 768, 32), (808, 928, 40), (984, 984, 1), (1032, 1064, 32),
    (1128, 1352, 32), (1416, 1928, 64), (2024, 2280, 64), (2408, 2856, 64),
    (2976, 3104, 128), (3240, 3752, 128), (3824, 3824, 1),
)  # fmt: skip
SIZES = np.concatenate([np.arange(first, last + 1, step) for first, last, step in _RANGES])


def resource_elements(prbs: int, symbols: int = 14, reference: int = 12, overhead: int = 0) -> int:
    """min(156, 12 symbols - reference - overhead) prbs: elements of a slot that carry data (5.1.3.2).

    prbs       physical resource blocks of 12 subcarriers
    symbols    OFDM symbols of the slot
    reference  elements of demodulation reference signals in a block and slot
    overhead   elements lost otherwise

    >>> resource_elements(51)
    7956
    """
    if min(prbs, symbols, reference, overhead) < 0:
        raise ValueError(f"need numbers that are not negative, got {prbs}, {symbols}, {reference}, {overhead}")
    return max(0, min(156, 12 * symbols - reference - overhead)) * prbs


def transport_block_bits(elements: int, bits: int, rate: float, layers: int = 1) -> int:
    """Information bits of a transport block on `elements` resource elements (TS 38.214, 5.1.3.2).

    bits, rate  of the scheme: bits per symbol and code rate

    >>> transport_block_bits(7956, 6, 948 / 1024)
    44040
    """
    if not (elements >= 0 and bits >= 1 and 0.0 < rate <= 1.0 and layers >= 1):
        raise ValueError(f"need elements >= 0, bits >= 1, 0 < rate <= 1, layers >= 1; got {elements}, {bits}, {rate}, {layers}")
    exact = elements * rate * bits * layers
    if exact <= 3824.0:
        step = 1 << max(3, _floor_log2(exact) - 6)
        wanted = max(24, step * int(exact // step))
        return int(SIZES[np.searchsorted(SIZES, wanted)])
    step = 1 << (_floor_log2(exact - 24.0) - 5)
    wanted = max(3840, step * int((exact - 24.0) / step + 0.5))
    most = 3816 if rate <= 0.25 else 8424
    parts = -(-(wanted + 24) // most) if rate <= 0.25 or wanted > most else 1
    return 8 * parts * -(-(wanted + 24) // (8 * parts)) - 24


def _floor_log2(number: float) -> int:
    return int(np.frexp(number)[1]) - 1 if number > 0.0 else 0


def blocks(size_bits: np.ndarray, rate: np.ndarray) -> Blocks:
    """How transport blocks of `size_bits` [n] at code rates `rate` [n] are cut; `Blocks` of [n].

    A checksum of 24 bits (16 up to 3824 bits) and, if there are several code blocks, 24 bits for each of them.
    """
    small = (size_bits <= 292) | ((size_bits <= 3824) & (rate <= 0.67)) | (rate <= 0.25)  # base graph 2
    total = size_bits + np.where(size_bits > 3824, 24, 16)
    most = np.where(small, 3840, 8448)
    count = np.where(total <= most, 1, -(-total // (most - 24)))
    size = (total + np.where(count > 1, 24 * count, 0)) / count
    return Blocks(count, size, np.where(small, 1.0 / 5.0, 1.0 / 3.0))


@lru_cache(maxsize=4096)
def cut(size_bits: int, rate: float) -> tuple[int, float, float]:
    """`blocks` of one transport block: their number, the bits of each, the mother rate."""
    found = blocks(np.array([size_bits]), np.array([rate]))
    return int(found.number[0]), float(found.size_bits[0]), float(found.mother_rate[0])
