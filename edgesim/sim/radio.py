"""The radio interface of a link: how many bits a symbol carries, and what framing costs. Pure arithmetic."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, NamedTuple

import numpy as np

from edgesim.errors import RunError

if TYPE_CHECKING:
    from channels.base import Draws

Fading = Callable[[float, int], "Draws"]  # absolute start [s], number of blocks -> the link's realisation from there on
MOST_BLOCKS = 1 << 22  # a transfer that spans more coherence blocks than this will never end in practice


class Airtime(NamedTuple):
    """What one transfer takes. draws: the realisation that the values saw, None where values arrive intact."""

    seconds: float
    overhead_bits: int
    symbols: int
    snr_db: float
    packets: int
    retransmissions: int = 0
    lost_packets: int = 0
    draws: "Draws | None" = None


class Radio:
    """Symbols at the Nyquist rate of the band, each carrying what the instantaneous SNR allows.

    Spectral efficiency  min(max_bits_per_symbol, log2(1 + snr / gap))  [bit/symbol]: Shannon capacity with a gap and a cap
    (phy.md 6.5). The rate follows the channel block by block.

    bandwidth_hz         symbol rate and noise bandwidth [Hz]
    gap_db               SNR gap to capacity of the modulation and code in use [dB]
    max_bits_per_symbol  the highest spectral efficiency the radio has [bit/symbol]
    packet_bits          payload bits in one packet
    header_bits          header bits added to each packet; 0 charges the payload alone
    latency_s            propagation and processing delay after the last symbol [s]
    """

    def __init__(
        self,
        *,
        bandwidth_hz: Annotated[float, "(0, inf)"] = 1e6,
        gap_db: Annotated[float, "[0, inf)"] = 0.0,
        max_bits_per_symbol: Annotated[float, "(0, 16]"] = 6.0,
        packet_bits: Annotated[int, "[1, inf)"] = 12000,
        header_bits: Annotated[int, "[0, inf)"] = 0,
        latency_s: Annotated[float, "[0, inf)"] = 0.0,
    ) -> None:
        positive = {"bandwidth_hz": bandwidth_hz, "max_bits_per_symbol": max_bits_per_symbol, "packet_bits": packet_bits}
        for name, value in positive.items():
            if not value > 0:
                raise ValueError(f"{name} must be positive, got {value}")
        for name, value in {"gap_db": gap_db, "header_bits": header_bits, "latency_s": latency_s}.items():
            if not value >= 0:
                raise ValueError(f"{name} must not be negative, got {value}")
        self.bandwidth_hz = bandwidth_hz
        self.max_bits_per_symbol = max_bits_per_symbol
        self.packet_bits = packet_bits
        self.header_bits = header_bits
        self.latency_s = latency_s
        self._gap = 10.0 ** (gap_db / 10.0)

    def efficiency(self, snr: np.ndarray) -> np.ndarray:
        """Bits per symbol at linear SNR `snr` [blocks]."""
        efficiency: np.ndarray = np.minimum(self.max_bits_per_symbol, np.log2(1.0 + snr / self._gap))
        return efficiency

    def packets(self, bits: int) -> int:
        """How many packets `bits` payload bits make."""
        return -(-bits // self.packet_bits)

    def walk(self, bits: int, start_s: float, fading: Fading) -> Airtime:
        """Send `bits` payload bits and their headers from `start_s` on, block by block, until the last bit is out."""
        packets = self.packets(bits)
        overhead = packets * self.header_bits
        total = bits + overhead
        if total == 0:
            return Airtime(0.0, 0, 0, math.inf, 0)
        blocks = 1
        while True:
            draws = fading(start_s, blocks)
            efficiency = self.efficiency(draws.snr)
            if len(draws.seconds) == 1 and efficiency[0] == 0.0 and math.isinf(draws.seconds[0]):
                raise RunError(f"the link carries nothing: its SNR is {draws.snr[0]:.3g} and will not change")
            sent = np.cumsum(efficiency * self.bandwidth_hz * draws.seconds)
            if sent[-1] >= total:
                break
            blocks *= 4
            if blocks > MOST_BLOCKS:
                raise RunError(
                    f"{total} bits need more than {MOST_BLOCKS} coherence blocks at a mean SNR of {draws.snr.mean():.3g}: "
                    "raise the SNR, the bandwidth or coherence_s"
                )
        last = int(np.searchsorted(sent, total))
        before_bits, before_s = (sent[last - 1], float(draws.seconds[:last].sum())) if last else (0.0, 0.0)
        seconds = before_s + float((total - before_bits) / (efficiency[last] * self.bandwidth_hz))
        return Airtime(seconds, overhead, self.symbols(seconds), mean_snr_db(draws, seconds), packets)

    def symbols(self, seconds: float) -> int:
        """Complex channel uses that fit in `seconds`, the last one counted whole."""
        return math.ceil(seconds * self.bandwidth_hz * (1.0 - 1e-12))


def mean_snr_db(draws: "Draws", seconds: float) -> float:
    """Time-averaged SNR over the first `seconds` of a realisation [dB]."""
    if len(draws.snr) == 1:
        mean = float(draws.snr[0])
    else:
        seen = draws.during(seconds)
        mean = float(np.dot(seen.snr, seen.seconds) / seen.seconds.sum())
    return 10.0 * math.log10(mean) if mean > 0.0 else -math.inf
