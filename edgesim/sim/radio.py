"""The radio interface of a link: how many bits a symbol carries, and what framing costs. Pure arithmetic."""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np

from edgesim.errors import RunError
from edgesim.sim.bursts import Sender, whole_slots
from edgesim.sim.coding import Coding, Shannon
from edgesim.sim.track import MOST_BLOCKS, Fading

if TYPE_CHECKING:
    from channels.base import Draws

__all__ = ["MOST_BLOCKS", "Airtime", "BitErrors", "Fading", "Radio", "mean_snr_db"]

BitErrors = Callable[
    [int, np.ndarray], np.ndarray
]  # bits a symbol, SNR [blocks] -> error rate of each bit of a symbol, [bits, blocks]


class Airtime(NamedTuple):
    """What one transfer takes, and what it does to the values on the way.

    overhead_bits      headers and everything that was sent again
    protected_packets  of the packets those that are sent again until they arrive
    bursts             (sending [s], silent [s]), in order; empty: `seconds` of sending
    draws              the realisation that values sent as symbols saw; None where there are none
    erased             per field of the message, which of its entries are missing, [count] bool; None where all arrived
    flips              per field, places of its wrong bits, counted through all its entries; None where all are right
    corrupted_values   entries with role `values` that are missing or have wrong bits
    """

    seconds: float
    overhead_bits: int
    symbols: int
    snr_db: float
    packets: int
    protected_packets: int = 0
    retransmissions: int = 0
    lost_packets: int = 0
    draws: "Draws | None" = None
    bursts: tuple[tuple[float, float], ...] = ()
    erased: Mapping[str, np.ndarray] | None = None
    flips: Mapping[str, np.ndarray] | None = None
    corrupted_values: int = 0

    @property
    def harm(self) -> Any:
        """What befell the values: draws, erased or flips; None if they are intact."""
        return next((harm for harm in (self.draws, self.erased, self.flips) if harm is not None), None)

    def then(self, later: "Airtime") -> "Airtime":
        """This transfer and then another as one; the SNR and the harm are the later one's if it carries anything."""
        if later.seconds == 0.0:
            return self
        return later._replace(
            seconds=self.seconds + later.seconds,
            overhead_bits=self.overhead_bits + later.overhead_bits,
            symbols=self.symbols + later.symbols,
            packets=self.packets + later.packets,
            protected_packets=self.protected_packets + later.protected_packets,
            retransmissions=self.retransmissions + later.retransmissions,
            lost_packets=self.lost_packets + later.lost_packets,
            bursts=self.spans + later.spans if self.bursts or later.bursts else (),
        )

    @property
    def spans(self) -> tuple[tuple[float, float], ...]:
        """`bursts`, or the one burst that the transfer is."""
        return self.bursts or (((self.seconds, 0.0),) if self.seconds else ())


class Radio:
    """Symbols at the Nyquist rate of the band, each carrying what the instantaneous SNR allows.

    Spectral efficiency  min(max_bits_per_symbol, log2(1 + snr / gap))  [bit/symbol]: Shannon capacity with a gap and a cap
    (phy.md 6.5). The rate follows the channel block by block. `rates: mcs1` and the like take the modulation and coding schemes
    of 5G NR instead (TS 38.214, tables 5.1.3.1-1 to -3): the fastest whose predicted block error rate at the reported SNR is
    at most `target_bler`; what a packet's channel then really is decides whether it arrives.

    bandwidth_hz         symbol rate and noise bandwidth [Hz]
    gap_db               SNR gap to capacity of the modulation and code in use [dB]
    max_bits_per_symbol  the highest spectral efficiency the radio has [bit/symbol]
    packet_bits          payload bits in one packet
    header_bits          header bits added to each packet; 0 charges the payload alone
    latency_s            propagation and processing delay after the last symbol [s]
    rates                `shannon`; or the schemes of NR's MCS table 1 (up to 64-QAM), 2 (256-QAM) or 3 (low rates)
    bits_per_symbol      of `shannon`: this efficiency whatever the SNR; a packet whose channel has less is lost [bit/symbol]
    mcs                  of an MCS table: this scheme whatever the SNR
    csi_delay_s          age of the SNR that a packet's rate is chosen by; above 0, `shannon` chooses once a packet too [s]
    target_bler          of an MCS table: the share of packets that may fail at the first attempt
    outer_loop           correct the reported SNR by what failed, so that `target_bler` is met whatever the error of the report
    slot_s               packets sent together occupy whole slots of this length; 0: until their last symbol [s]
    """

    def __init__(
        self,
        coding: Coding | None = None,
        bit_errors: BitErrors | None = None,
        *,
        bandwidth_hz: Annotated[float, "(0, inf)"] = 1e6,
        gap_db: Annotated[float, "[0, inf)"] = 0.0,
        max_bits_per_symbol: Annotated[float, "(0, 16]"] = 6.0,
        packet_bits: Annotated[int, "[1, inf)"] = 12000,
        header_bits: Annotated[int, "[0, inf)"] = 0,
        latency_s: Annotated[float, "[0, inf)"] = 0.0,
        rates: Literal["shannon", "mcs1", "mcs2", "mcs3"] = "shannon",
        bits_per_symbol: Annotated[float, "(0, 16]"] | None = None,
        mcs: Annotated[int, "[0, 28]"] | None = None,
        csi_delay_s: Annotated[float, "[0, inf)"] = 0.0,
        target_bler: Annotated[float, "(0, 1)"] = 0.1,
        outer_loop: bool = False,
        slot_s: Annotated[float, "[0, inf)"] = 0.0,
    ) -> None:
        _check_rates(rates, coding is not None, bits_per_symbol, mcs, outer_loop)
        _above_zero(bandwidth_hz=bandwidth_hz, max_bits_per_symbol=max_bits_per_symbol, packet_bits=packet_bits)
        _not_negative(gap_db=gap_db, header_bits=header_bits, latency_s=latency_s, csi_delay_s=csi_delay_s, slot_s=slot_s)
        if not 0.0 < target_bler < 1.0:
            raise ValueError(f"target_bler must be between 0 and 1, got {target_bler}")
        self.bandwidth_hz = bandwidth_hz
        self.max_bits_per_symbol = max_bits_per_symbol
        self.packet_bits = packet_bits
        self.header_bits = header_bits
        self.latency_s = latency_s
        self.bit_errors = bit_errors
        self._gap = 10.0 ** (gap_db / 10.0)
        self._latest = ((0, 0, 0.0), Airtime(0.0, 0, 0, math.inf, 0))
        coding = coding or Shannon(self._gap, max_bits_per_symbol, bits_per_symbol)
        follows = rates == "shannon" and bits_per_symbol is None and csi_delay_s == 0.0
        self.sender = Sender(coding, bandwidth_hz, csi_delay_s, follows, outer_loop, target_bler, slot_s)

    def efficiency(self, snr: np.ndarray) -> np.ndarray:
        """Bits per symbol at linear SNR `snr` [blocks]."""
        efficiency: np.ndarray = np.minimum(self.max_bits_per_symbol, np.log2(1.0 + snr / self._gap))
        return efficiency

    def packets(self, bits: int) -> int:
        """How many packets `bits` payload bits make."""
        return -(-bits // self.packet_bits)

    def sizes(self, bits: int) -> np.ndarray:
        """Bits on air of each packet that `bits` payload bits make, headers included, [packets] int."""
        sizes = np.full(self.packets(bits), self.packet_bits + self.header_bits, dtype=np.int64)
        sizes[-1:] -= len(sizes) * self.packet_bits - bits
        return sizes

    def walk(self, bits: int, start_s: float, fading: Fading) -> Airtime:
        """Send `bits` payload bits and their headers from `start_s` on, block by block, until the last bit is out."""
        packets = self.packets(bits)
        overhead = packets * self.header_bits
        total = bits + overhead
        if total == 0:
            return Airtime(0.0, 0, 0, math.inf, 0)
        draws = fading(start_s, 1)
        if math.isinf(draws.seconds[0]):
            return self._steadily(packets, overhead, total, float(draws.snr[0]))
        blocks = 1
        while True:
            efficiency = self.efficiency(draws.snr)
            sent = np.cumsum(efficiency * self.bandwidth_hz * draws.seconds)
            if sent[-1] >= total:
                break
            blocks *= 4
            if blocks > MOST_BLOCKS:
                raise RunError(
                    f"{total} bits need more than {MOST_BLOCKS} coherence blocks at a mean SNR of {draws.snr.mean():.3g}: "
                    "raise the SNR, the bandwidth or coherence_s"
                )
            draws = fading(start_s, blocks)
        last = int(np.searchsorted(sent, total))
        before_bits, before_s = (sent[last - 1], float(draws.seconds[:last].sum())) if last else (0.0, 0.0)
        seconds = before_s + float((total - before_bits) / (efficiency[last] * self.bandwidth_hz))
        on = self.on_air(seconds)
        return Airtime(on, overhead, self.symbols(on), mean_snr_db(draws, seconds), packets)

    def on_air(self, seconds: float) -> float:
        """How long a transmission of `seconds` occupies the air: whole slots, if the radio has any [s]."""
        return whole_slots(seconds, self.sender.slot_s)

    def _steadily(self, packets: int, overhead: int, total: int, snr: float) -> Airtime:
        """`walk` over a channel that never changes: the latest answer is kept, for messages come in one size."""
        if self._latest[0] != (total, overhead, snr):
            rate = float(self.efficiency(np.array([snr]))[0]) * self.bandwidth_hz
            if rate == 0.0:
                raise RunError(f"the link carries nothing: its SNR is {snr:.3g} and will not change")
            seconds, snr_db = self.on_air(total / rate), 10.0 * math.log10(snr)
            self._latest = (total, overhead, snr), Airtime(seconds, overhead, self.symbols(seconds), snr_db, packets)
        return self._latest[1]

    def symbols(self, seconds: float) -> int:
        """Complex channel uses that fit in `seconds`, the last one counted whole."""
        return math.ceil(seconds * self.bandwidth_hz * (1.0 - 1e-12))


def _check_rates(rates: str, coded: bool, bits_per_symbol: float | None, mcs: int | None, outer_loop: bool) -> None:
    """Raise ValueError for knobs that do not belong together."""
    if (rates == "shannon") == coded:
        raise ValueError(f"rates {rates!r} {'takes no' if coded else 'needs a'} coding of its own")
    if bits_per_symbol is not None:
        _above_zero(bits_per_symbol=bits_per_symbol)
        if rates != "shannon":
            raise ValueError(f"bits_per_symbol belongs to rates 'shannon'; for {rates!r} give mcs")
    if mcs is not None and rates == "shannon":
        raise ValueError("mcs belongs to the rates mcs1, mcs2 and mcs3; for 'shannon' give bits_per_symbol")
    if outer_loop and (rates == "shannon" or mcs is not None):
        raise ValueError("outer_loop corrects the choice among the schemes of an MCS table: set rates, and leave mcs out")


def _above_zero(**values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name} must be positive, got {value}")


def _not_negative(**values: float) -> None:
    for name, value in values.items():
        if not value >= 0:
            raise ValueError(f"{name} must not be negative, got {value}")


def mean_snr_db(draws: "Draws", seconds: float) -> float:
    """Time-averaged SNR over the first `seconds` of a realisation [dB]."""
    if len(draws.snr) == 1:
        mean = float(draws.snr[0])
    else:
        seen = draws.during(seconds)
        mean = float(np.dot(seen.snr, seen.seconds) / seen.seconds.sum())
    return 10.0 * math.log10(mean) if mean > 0.0 else -math.inf
