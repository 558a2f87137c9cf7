"""Uncoded analog transport: the values are the symbols."""

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from edgesim.errors import RunError
from edgesim.sim.framing import carry
from edgesim.sim.packets import LUCK, Chance, Repeat
from edgesim.sim.radio import MOST_BLOCKS, Airtime, Fading, Radio, mean_snr_db
from edgesim.sim.transports.base import Harm, Transport
from edgesim.wire import FLOAT_BITS, Manifest

if TYPE_CHECKING:
    from channels.base import Draws


class Analog(Transport):
    """Real values are sent as symbols, two to a symbol; noise and fading reach them (phy.md 11).

    Side information, labels and the 32-bit power scale of each message go first, digitally and intact; then the values,
    normalised to unit symbol power, at one symbol per channel use whatever the SNR.

    equaliser  receiver with perfect channel knowledge: `mmse` bounds the error in fades, `zf` is unbiased
    """

    analog: ClassVar[bool] = True
    harm: ClassVar[Harm] = "noise"

    def __init__(self, radio: Radio, *, equaliser: Literal["mmse", "zf"] = "mmse") -> None:
        super().__init__(radio)
        if equaliser not in ("mmse", "zf"):
            raise ValueError(f"equaliser must be mmse or zf, got {equaliser}")
        self.equaliser = equaliser

    def plan(self, manifest: Manifest, start_s: float, fading: Fading, chance: Chance = LUCK) -> Airtime:
        values = manifest.analog_values
        scale_bits = FLOAT_BITS if values else 0
        digital, _ = carry(
            self.radio, manifest.bits - manifest.analog_bits + scale_bits, start_s, fading, chance, Repeat(for_ever=True)
        )
        if not values:
            return digital
        symbols = -(-values // 2)
        seconds = symbols / self.radio.bandwidth_hz
        draws = _covering(fading, start_s + digital.seconds, seconds)
        analog = Airtime(seconds, scale_bits, symbols, mean_snr_db(draws, seconds), packets=0, draws=draws)
        return digital.then(analog)


def _covering(fading: Fading, start_s: float, seconds: float) -> "Draws":
    """The realisation that `seconds` seconds from `start_s` on see."""
    blocks = 2  # the first is what is left of its block, possibly next to nothing; the second is whole
    draws = fading(start_s, blocks)
    while float(draws.seconds.sum()) <= seconds:
        blocks = 2 + math.ceil(seconds / float(draws.seconds[-1])) if blocks == 2 else 2 * blocks
        if blocks > MOST_BLOCKS:
            raise RunError(f"a message of {seconds:.6g} s spans {blocks} coherence blocks: raise bandwidth_hz or coherence_s")
        draws = fading(start_s, blocks)
    return draws.during(seconds)
