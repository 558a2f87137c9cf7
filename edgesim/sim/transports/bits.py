"""Uncoded digital transport: bits arrive on time, some of them wrong."""

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np

from edgesim.sim.framing import carry, harmed_values, parted
from edgesim.sim.packets import LUCK, Chance, Repeat
from edgesim.sim.radio import Airtime, Fading, Radio
from edgesim.sim.track import Track
from edgesim.sim.transports.base import Harm, Transport
from edgesim.wire import FLOAT_BITS, Field, Manifest

BITS_A_SYMBOL = {"bpsk": 1, "qpsk": 2, "qam16": 4, "qam64": 6, "qam256": 8}
RANGE_BITS = 2 * FLOAT_BITS  # least and greatest value of a field, for the guard


class Bits(Transport):
    """Values are sent as uncoded bits, and bit errors reach them.

    Side information and labels go first, coded, and arrive intact. Then the bits of the values, the most significant of each
    first, modulated without a code; every bit of a symbol is wrong at the rate that its place in the symbol has at the SNR of
    its coherence block (exact rates of Gray-mapped QAM, phy.md 5.2), and on top of that at the channel's own bit error rate
    (bit_flip). The number of errors is binomial and their places are equally likely: the law of a chain of symbols, at the
    cost of the errors alone.

    modulation    `bpsk`, `qpsk`, `qam16`, `qam64` or `qam256`
    guard         what the receiver does with real values outside the range that the sender announced (64 bits a field):
                  `clamp` moves them to its nearer end, `zero` takes 0 instead, `raise` stops the run at a value that is not
                  finite, `off` lets everything pass
    protect_side  false: the bits of side information and labels are sent like those of the values
    """

    harm: ClassVar[Harm] = "flips"

    def __init__(
        self,
        radio: Radio,
        *,
        modulation: Literal["bpsk", "qpsk", "qam16", "qam64", "qam256"] = "qpsk",
        guard: Literal["clamp", "zero", "raise", "off"] = "clamp",
        protect_side: bool = True,
    ) -> None:
        super().__init__(radio)
        if modulation not in BITS_A_SYMBOL:
            raise ValueError(f"modulation must be one of {', '.join(BITS_A_SYMBOL)}, got {modulation!r}")
        self.guard = guard
        self._order = BITS_A_SYMBOL[modulation]
        self._protect_side = protect_side

    def plan(self, manifest: Manifest, start_s: float, fading: Fading, chance: Chance = LUCK) -> Airtime:
        kept, exposed = parted(manifest.fields, self._protect_side)
        ranges = RANGE_BITS * sum(item.analog for item in exposed) if self.guard in ("clamp", "zero") else 0
        first, _ = carry(self.radio, kept + ranges, start_s, fading, chance, Repeat(for_ever=True))
        first = first._replace(overhead_bits=first.overhead_bits + ranges)
        bits = sum(item.bits for item in exposed)
        if not bits:
            return first
        packets = self.radio.packets(bits)
        headers = packets * self.radio.header_bits
        symbols = -(-(bits + headers) // self._order)
        begin, seconds = start_s + first.seconds, symbols / self.radio.bandwidth_hz
        on = self.radio.on_air(seconds)
        track = Track(fading, begin)
        wrong = self._wrong(bits, begin, symbols, track, chance)
        flips = split(exposed, wrong)
        hit = {item.name: len(np.unique(flips[item.name] // item.bits_each)) for item in exposed if item.name in flips}
        values = Airtime(
            seconds=on,
            overhead_bits=headers,
            symbols=max(symbols, self.radio.symbols(on)),
            snr_db=track.mean_db(begin, begin + seconds),
            packets=packets,
            flips=flips or None,
            corrupted_values=harmed_values(exposed, hit),
        )
        return first.then(values)

    def _wrong(self, bits: int, begin: float, symbols: int, track: Track, chance: Chance) -> np.ndarray:
        """Places of the wrong ones among `bits` bits sent from `begin` [s] on, ascending."""
        band = self.radio.bandwidth_hz
        track.reach(begin + symbols / band)
        upto = np.rint(np.clip((track.edges - begin) * band, 0.0, symbols)).astype(np.int64)
        counts = np.diff(upto)  # [blocks] symbols in each block
        used = int(np.searchsorted(upto, symbols, side="left"))  # blocks that carry any
        rates = self._rates(track.snr[:used], chance.bit_error_rate)  # [order, blocks]
        random = chance.generator(begin, purpose=1)
        errors = random.binomial(counts[:used], rates)
        places = [
            (upto[block] + random.choice(counts[block], errors[level, block], replace=False, shuffle=False)) * self._order
            + level
            for level, block in np.argwhere(errors)
        ]
        wrong = np.sort(np.concatenate(places)) if places else np.zeros(0, dtype=np.int64)
        return wrong[wrong < bits]

    def _rates(self, snr: np.ndarray, own: float) -> np.ndarray:
        """Error rate of each bit of a symbol in each block, [order, blocks]: by noise or by the channel itself, not by both."""
        if self.radio.bit_errors is None:
            raise ValueError("the transport bits needs a radio that knows its bit error rates")
        noise = self.radio.bit_errors(self._order, snr)
        rates: np.ndarray = noise + own - 2.0 * noise * own
        return rates


def split(fields: Sequence[Field], places: np.ndarray) -> dict[str, np.ndarray]:
    """Places among the bits of all `fields`, one after the other -> per name places within that field; hit fields only."""
    parts: dict[str, np.ndarray] = {}
    begin = 0
    for item in fields:
        low, high = np.searchsorted(places, [begin, begin + item.bits])
        if high > low:
            parts[item.name] = places[low:high] - begin
        begin += item.bits
    return parts
