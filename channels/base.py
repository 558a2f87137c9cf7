"""The interface of a channel: a draw as a function of absolute time, and its action on values.

One convention throughout: the SNR is Es/N0 per complex symbol of unit mean power; a complex symbol carries two real values, and
noise has variance N0/2 per real dimension. For real values of unit mean square the noise variance per value is therefore
1/(g snr), g = |h|^2.
"""

import math
from abc import ABC, abstractmethod

import numpy as np
from torch import Generator, Tensor

from channels import theory
from channels.draws import Draws, Equaliser
from channels.equalise import transmit
from channels.laws import Law
from channels.units import Real

__all__ = ["Channel", "Draws", "Equaliser", "check_packets"]


class Channel(ABC):
    """A wireless channel. Abstract: subclass it, one final subclass a file; keyword-only parameters are its knobs.

    snr             mean linear SNR over the fading; inf without noise
    bit_error_rate  probability that the channel inverts a bit after decoding, whatever the SNR (a binary symmetric channel)
    own_scale       `apply` takes values of any scale, [..., width], and sets its noise by them (adc_reference); otherwise they
                    come with unit mean square
    subcarriers     how many gains a block has over the band: more than one where fading is selective in frequency
    law             law of the power gain of a block, of each subcarrier where there are several; None where it is not known
    """

    snr: float = math.inf
    bit_error_rate: float = 0.0
    own_scale: bool = False
    subcarriers: int = 1
    law: Law | None = None

    @abstractmethod
    def draws(self, start_s: float, blocks: int, key: int) -> Draws:
        """The next `blocks` coherence blocks from absolute time `start_s` [s] on, for the link whose seed is `key`.

        A pure function of its arguments: the same instant of the same link gives the same gain whatever was asked before.
        """

    def by_subcarrier(self, start_s: float, blocks: int, key: int) -> Draws:
        """The blocks of `draws`, gain and SNR for each subcarrier: [blocks, subcarriers]."""
        draws = self.draws(start_s, blocks, key)
        return Draws(draws.gain[:, None], draws.snr[:, None], draws.seconds)

    def apply(self, x: Tensor, draws: Draws, generator: Generator, *, equaliser: Equaliser = "zf") -> Tensor:
        """Send real values of unit mean square and equalise them with perfect channel knowledge.

        x [..., n] float -> [..., n] float, same shape and dtype, differentiable in x. Values are sent in order, two to a
        symbol; symbols are spread over the blocks of `draws` in proportion to their seconds, and over the subcarriers first
        where `draws` tells them apart. See `channels.equalise.transmit`.
        """
        return transmit(x, draws, generator, equaliser)

    def losses(self, start_s: float, packets: int, packet_s: float, key: int) -> np.ndarray:
        """Which packets the air loses whatever their SNR, [packets] bool. A pure function of its arguments, like `draws`.

        start_s   when the first of the packets begins; they are sent back to back [s]
        packets   how many
        packet_s  length of one packet [s]
        key       the seed of the link

        Here: none. Raises ValueError for a negative number of packets, or a time that is negative or not finite.
        """
        check_packets(start_s, packets, packet_s, key)
        return np.zeros(packets, dtype=np.bool_)

    def cdf(self, gain: Real) -> Real:
        """P(g <= gain). Raises ValueError, as all that follow, for a channel whose law is not known."""
        below: Real = self._known_law.cdf(gain)
        return below

    def quantile(self, probability: Real) -> Real:
        """The gain that a share `probability` of the blocks falls below."""
        gain: Real = self._known_law.quantile(probability)
        return gain

    def ergodic_capacity(self) -> float:
        """E log2(1 + g snr) [bit/symbol]: what a code over many blocks carries."""
        return float(self._known_law.capacity(self.snr))

    def outage_probability(self, rate: float) -> float:
        """How often a block cannot carry `rate` [bit/symbol]."""
        return float(theory.outage_probability(rate, self.snr, self._flat_law.cdf))

    def outage_capacity(self, epsilon: float) -> float:
        """The rate that all but a share `epsilon` of the blocks carry [bit/symbol]."""
        return float(theory.outage_capacity(epsilon, self.snr, self._flat_law.quantile))

    @property
    def _known_law(self) -> Law:
        if self.law is None:
            raise ValueError(f"{type(self).__name__} has no law of the gain in closed form")
        return self.law

    @property
    def _flat_law(self) -> Law:
        if self.subcarriers > 1:
            raise ValueError(f"the outage of {self.subcarriers} subcarriers together has no closed form")
        return self._known_law


def check_packets(start_s: float, packets: int, packet_s: float, key: int) -> None:
    """Raise ValueError unless these are arguments for `Channel.losses`."""
    if not (0.0 <= start_s < math.inf and packets >= 0 and 0.0 <= packet_s < math.inf and key >= 0):
        given = f"{start_s}, {packets}, {packet_s}, {key}"
        raise ValueError(f"need 0 <= start_s < inf, packets >= 0, 0 <= packet_s < inf and key >= 0; got {given}")
