"""Rayleigh fading."""

from typing import Annotated

import numpy as np
from torch import Generator, Tensor

from channels import theory, units
from channels.base import Channel, Draws, Equaliser
from channels.blocks import BlockFading
from channels.equalise import transmit
from channels.theory import Real


class Rayleigh(Channel):
    """Flat Rayleigh block fading with additive white Gaussian noise.

    y = h s + n,  h ~ CN(0, 1) constant for `coherence_s` seconds and then drawn anew: g = |h|^2 ~ Exp(1). The noise power is
    constant, so a fade costs what it should: the SNR of a block is g 10^(snr_db/10). Blocks begin at multiples of
    `coherence_s` of absolute time; Clarke's coherence time at Doppler f is 0.423/f (phy.md 3.1).

    snr_db       mean signal-to-noise ratio Es/N0 per complex symbol [dB]
    coherence_s  length of a block; inf: one draw for ever [s]

    >>> channel = Rayleigh(snr_db=10.0, coherence_s=0.01)
    >>> round(channel.ergodic_capacity(), 3)
    2.907
    """

    def __init__(self, *, snr_db: Annotated[float, "(-inf, inf]"], coherence_s: Annotated[float, "(0, inf]"]) -> None:
        self.snr_db = snr_db
        self.coherence_s = coherence_s
        self.snr = units.mean_snr(snr_db)
        self._fading = BlockFading(np.random.Generator.standard_exponential, self.snr, coherence_s)

    def draws(self, start_s: float, blocks: int, key: int) -> Draws:
        """`blocks` blocks from `start_s` on; see `channels.blocks.BlockFading.draws`."""
        return self._fading.draws(start_s, blocks, key)

    def apply(self, x: Tensor, draws: Draws, generator: Generator, *, equaliser: Equaliser = "zf") -> Tensor:
        """x equalised block by block; see `channels.equalise.transmit`."""
        return transmit(x, draws, generator, equaliser)

    @staticmethod
    def cdf(gain: Real) -> Real:
        """P(g <= gain) = 1 - e^(-gain)."""
        below: Real = -np.expm1(-gain)
        return below

    @staticmethod
    def quantile(probability: Real) -> Real:
        """The gain that a share `probability` of the blocks falls below, -ln(1 - probability)."""
        gain: Real = -np.log1p(-probability)
        return gain

    def ergodic_capacity(self) -> float:
        """e^(1/snr) E1(1/snr) / ln 2 [bit/symbol]: what a code over many blocks carries."""
        return float(theory.rayleigh_capacity(self.snr))

    def outage_probability(self, rate: float) -> float:
        """How often a block cannot carry `rate` [bit/symbol]."""
        return float(theory.outage_probability(rate, self.snr, self.cdf))

    def outage_capacity(self, epsilon: float) -> float:
        """The rate that all but a share `epsilon` of the blocks carry [bit/symbol]."""
        return float(theory.outage_capacity(epsilon, self.snr, self.quantile))
