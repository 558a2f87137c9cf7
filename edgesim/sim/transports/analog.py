"""Uncoded analog transport: the values are the symbols (phy.md 11)."""

import math
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np

from edgesim.errors import RunError
from edgesim.sim.framing import carry
from edgesim.sim.packets import LUCK, Chance, Repeat
from edgesim.sim.radio import MOST_BLOCKS, Airtime, Fading, Radio, mean_snr_db
from edgesim.sim.transports.base import Harm, Transport
from edgesim.wire import FLOAT_BITS, Manifest

if TYPE_CHECKING:
    from channels.base import Draws

TINY = 1e-300  # an SNR of zero has no inverse


class Analog(Transport):
    """Real values are sent as symbols, two to a symbol; noise and fading reach them.

    Side information, labels and the 32-bit power scale of each message go first, digitally and intact; then the values,
    normalised to unit symbol power, at one symbol per channel use whatever the SNR. With perfect knowledge the SNR of a block
    is that of the channel, snr = m g. An estimate h' of h, from `pilots` symbols or correlated with it by `csi_correlation`,
    has an error of variance e = 1 - r^2 (1 - 1/(1 + pilots m)) and leaves  m |h'|^2 / (1 + m e). Over a channel that is
    selective in frequency (tdl) symbols go over the subcarriers first, then over time, all this on each subcarrier by itself.

    equaliser        receiver: `mmse` bounds the error in fades, `zf` is unbiased
    pilots           symbols sent in each block, on each of its subcarriers, to estimate it, which take airtime; 0: the receiver
                     knows the channel
    csi_correlation  r, of the gain that is known with the gain that is met; of an estimate that is tau old J0(2 pi f_D tau)
    inversion_db     the sender knows the gain too and inverts it where it is above this; values of weaker blocks are not sent
                     and received as 0 [dB]
    """

    analog: ClassVar[bool] = True
    harm: ClassVar[Harm] = "noise"

    def __init__(
        self,
        radio: Radio,
        *,
        equaliser: Literal["mmse", "zf"] = "mmse",
        pilots: Annotated[int, "[0, inf)"] = 0,
        csi_correlation: Annotated[float, "(0, 1]"] = 1.0,
        inversion_db: Annotated[float, "(-inf, inf)"] | None = None,
    ) -> None:
        super().__init__(radio)
        if equaliser not in ("mmse", "zf"):
            raise ValueError(f"equaliser must be mmse or zf, got {equaliser}")
        if not (pilots >= 0 and 0.0 < csi_correlation <= 1.0):
            raise ValueError(f"need pilots >= 0 and 0 < csi_correlation <= 1, got {pilots} and {csi_correlation}")
        self.equaliser = equaliser
        self._pilots, self._correlation = pilots, csi_correlation
        self._threshold = None if inversion_db is None else 10.0 ** (inversion_db / 10.0)

    def plan(self, manifest: Manifest, start_s: float, fading: Fading, chance: Chance = LUCK) -> Airtime:
        values = manifest.analog_values
        scale_bits = FLOAT_BITS if values else 0
        bits = manifest.bits - manifest.analog_bits + scale_bits
        digital, _ = carry(self.radio, bits, start_s, fading, chance, Repeat(for_ever=True))
        if not values:
            return digital
        symbols, begin = -(-values // 2), start_s + digital.seconds
        seconds = symbols / self.radio.bandwidth_hz
        draws = _covering(fading, begin, seconds)
        snr_db = mean_snr_db(draws, seconds)
        if chance.by_subcarrier is not None:
            draws = chance.by_subcarrier(begin, len(draws.gain))._replace(seconds=draws.seconds)
        symbols += self._pilots * draws.gain.size
        if self._threshold is not None:
            draws = _inverted(draws, self._threshold, chance)
        if self._pilots or self._correlation < 1.0:
            draws = _estimated(draws, self._pilots, self._correlation, chance.generator(begin, purpose=2))
        on = self.radio.on_air(symbols / self.radio.bandwidth_hz)
        symbols = max(symbols, self.radio.symbols(on))
        analog = Airtime(on, scale_bits, symbols, snr_db, packets=0, draws=draws)
        return digital.then(analog)


def _inverted(draws: "Draws", threshold: float, chance: Chance) -> "Draws":
    """What is left of the SNR when the sender inverts gains of at least `threshold` and keeps silent in the others."""
    if chance.inversion is None:
        raise RunError("inversion_db needs a fading channel whose law is known, such as rayleigh, rician or nakagami")
    mean = np.divide(draws.snr, draws.gain, out=np.zeros_like(draws.snr), where=draws.gain > 0.0)
    return draws._replace(snr=np.where(draws.gain >= threshold, chance.inversion(threshold) * mean, 0.0))


def _estimated(draws: "Draws", pilots: int, correlation: float, random: np.random.Generator) -> "Draws":
    """What is left of the SNR when the receiver knows an estimate of the gain.

    Given the true h, the MMSE estimate is h' = (1 - e) h + sqrt(e (1 - e)) w with w ~ CN(0, 1).
    """
    gain, snr = draws.gain, draws.snr
    mean = np.divide(snr, gain, out=np.zeros_like(snr), where=gain > 0.0)
    first = 1.0 / (1.0 + pilots * mean) if pilots else np.zeros_like(mean)  # error of the fresh estimate
    error = 1.0 - correlation**2 * (1.0 - first)
    spread = np.sqrt(error * (1.0 - error) / 2.0)
    real = (1.0 - error) * np.sqrt(gain) + spread * random.standard_normal(gain.shape)
    imaginary = spread * random.standard_normal(gain.shape)
    known = real**2 + imaginary**2
    with np.errstate(divide="ignore"):
        left = known / (1.0 / np.maximum(mean, TINY) + error)  # = mean known / (1 + mean error), also at infinite SNR
    return draws._replace(snr=np.where(mean > 0.0, left, 0.0))


def _covering(fading: Fading, start_s: float, seconds: float) -> "Draws":
    """The realisation that `seconds` seconds from `start_s` on see."""
    blocks = 2  # the first is what is left of its block, possibly next to nothing; the second is whole
    draws = fading(start_s, blocks)
    while float(draws.seconds.sum()) <= seconds:
        blocks = 2 + math.ceil(seconds / float(draws.seconds.max())) if blocks == 2 else 2 * blocks
        if blocks > MOST_BLOCKS:
            raise RunError(f"a message of {seconds:.6g} s spans {blocks} coherence blocks: raise bandwidth_hz or coherence_s")
        draws = fading(start_s, blocks)
    return draws.during(seconds)
