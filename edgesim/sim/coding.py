"""What modulation and code make of an SNR: the rate they choose, and how often a packet sent at that rate fails."""

import math
from typing import NamedTuple, Protocol

import numpy as np

ENDLESS_DB = 300.0  # stands for a channel without noise
ROUNDING = 1e-9  # relative: information is summed over many blocks


class Chosen(Protocol):
    """How to send at each of n instants.

    scheme      [n] int, number of the modulation and coding scheme
    efficiency  [n] information bits per symbol; 0 where the channel is too weak for every scheme
    """

    @property
    def scheme(self) -> np.ndarray: ...

    @property
    def efficiency(self) -> np.ndarray: ...


class Choice(NamedTuple):
    """See `Chosen`."""

    scheme: np.ndarray
    efficiency: np.ndarray


class Coding(Protocol):
    """A family of modulation and coding schemes. SNRs are linear, Es/N0 per complex symbol.

    Every question can be asked of arrays and of single numbers; for one packet the latter is a hundred times as fast.
    """

    def choose(self, snr: np.ndarray, margin_db: float = 0.0) -> Chosen:
        """The fastest scheme for each reported SNR [n], `margin_db` on the safe side [dB]."""

    def pick(self, snr_db: float) -> tuple[int, float]:
        """`choose` for one report [dB]: scheme and efficiency."""

    def information(self, scheme: np.ndarray, snr: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What a symbol of `scheme` [n] tells at each SNR [n]: mean [bit] and variance [bit^2] of its information density."""

    def told(self, scheme: int, snr: float) -> tuple[float, float]:
        """`information` of one symbol."""

    def failure(
        self, scheme: np.ndarray, bits: np.ndarray, symbols: np.ndarray, information: np.ndarray, variance: np.ndarray
    ) -> np.ndarray:
        """How often a packet of `bits` fails whose `symbols` told `information` bits of that variance in all; [packets]."""

    def risk(self, scheme: int, bits: int, symbols: float, information: float, variance: float) -> float:
        """`failure` of one packet."""


class Shannon:
    """Codes without a waterfall, `gap` away from capacity: a packet arrives exactly if its symbols told as much as it holds.

    Spectral efficiency  min(most, log2(1 + snr / gap))  [bit/symbol], or `fixed` whatever the SNR: then a packet whose
    channel carries less is in outage, P = F((2^fixed - 1) gap / mean snr) with F the law of the fading gain (phy.md 6.5).

    gap    linear SNR gap to capacity
    most   the highest efficiency [bit/symbol]
    fixed  the only efficiency, None to follow the reported SNR [bit/symbol]
    """

    def __init__(self, gap: float, most: float, fixed: float | None = None) -> None:
        self._gap = gap
        self._most = most
        self._fixed = fixed

    def choose(self, snr: np.ndarray, margin_db: float = 0.0) -> Choice:
        if self._fixed is not None:
            efficiency = np.full(snr.shape, self._fixed)
        else:
            efficiency = np.minimum(self._most, np.log2(1.0 + snr / (self._gap * 10.0 ** (margin_db / 10.0))))
        return Choice(np.zeros(snr.shape, dtype=np.int64), efficiency)

    def pick(self, snr_db: float) -> tuple[int, float]:
        if self._fixed is not None:
            return 0, self._fixed
        return 0, min(self._most, math.log2(1.0 + 10.0 ** (min(snr_db, ENDLESS_DB) / 10.0) / self._gap))

    def information(self, scheme: np.ndarray, snr: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.log2(1.0 + snr / self._gap), np.zeros_like(snr)

    def told(self, scheme: int, snr: float) -> tuple[float, float]:
        return math.log2(1.0 + snr / self._gap), 0.0

    def failure(
        self, scheme: np.ndarray, bits: np.ndarray, symbols: np.ndarray, information: np.ndarray, variance: np.ndarray
    ) -> np.ndarray:
        failed: np.ndarray = (information < bits * (1.0 - ROUNDING)).astype(np.float64)
        return failed

    def risk(self, scheme: int, bits: int, symbols: float, information: float, variance: float) -> float:
        return float(information < bits * (1.0 - ROUNDING))
