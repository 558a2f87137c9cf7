"""Rayleigh fading."""

from typing import Annotated

import numpy as np

from channels import laws, units
from channels.base import Channel, Draws
from channels.blocks import Fading, Source, independent
from channels.timing import Time, timing


class Rayleigh(Channel):
    """Flat Rayleigh fading with additive white Gaussian noise.

    y = h s + n,  h ~ CN(0, 1): g = |h|^2 ~ Exp(1). The noise power is constant, so a fade costs what it should: the SNR of a
    block is g 10^(snr_db/10). Blocks begin at multiples of their length in absolute time. By default they are independent, and
    their length is the coherence time, Clarke's 0.423/f_D (phy.md 3.1).

    snr_db       mean signal-to-noise ratio Es/N0 per complex symbol [dB]
    coherence_s  length of a block; inf: one draw for ever [s]
    doppler_hz   largest Doppler shift f_D, in place of coherence_s [Hz]
    speed_mps    speed of the receiver, in place of doppler_hz [m/s]
    carrier_hz   carrier frequency, for speed_mps [Hz]
    time         `block`: independent blocks; `clarke`: the gain of a sum of sinusoids, whose blocks are as long as coherence_s,
                 0.01/f_D unless given; `gauss_markov`: blocks of coherence_s, 0.1/f_D unless given, correlated with their
                 neighbours alone

    >>> channel = Rayleigh(snr_db=10.0, coherence_s=0.01)
    >>> round(channel.ergodic_capacity(), 3)
    2.907
    >>> Rayleigh(snr_db=10.0, doppler_hz=50.0, time="clarke").draws(start_s=2.0, blocks=3, key=1).seconds.round(9).tolist()
    [0.0002, 0.0002, 0.0002]
    """

    def __init__(
        self,
        *,
        snr_db: Annotated[float, "(-inf, inf]"],
        coherence_s: Annotated[float, "(0, inf]"] | None = None,
        doppler_hz: Annotated[float, "(0, inf)"] | None = None,
        speed_mps: Annotated[float, "(0, inf)"] | None = None,
        carrier_hz: Annotated[float, "(0, inf)"] = 3.5e9,
        time: Time = "block",
    ) -> None:
        self.timing = timing(time, coherence_s, doppler_hz, speed_mps, carrier_hz)
        self.snr_db = snr_db
        self.snr = units.mean_snr(snr_db)
        blocky = self.timing.time == "block"
        source = independent(np.random.Generator.standard_exponential) if blocky else _power(self.timing.scatter())
        self.law = laws.rayleigh()
        self._fading = Fading(source, self.snr, self.timing.block_s)

    def draws(self, start_s: float, blocks: int, key: int) -> Draws:
        """`blocks` blocks from `start_s` on; see `channels.blocks.Blocks.look`."""
        return self._fading.draws(start_s, blocks, key)


def _power(scatter: Source) -> Source:
    """|h|^2 of complex gains [1, CHUNK]."""

    def chunk(key: int, number: int) -> np.ndarray:
        gains: np.ndarray = np.abs(scatter(key, number)[0]) ** 2
        return gains

    return chunk
