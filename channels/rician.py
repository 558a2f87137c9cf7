"""Rician fading."""

import math
from typing import Annotated

import numpy as np

from channels import laws, units
from channels.base import Channel, Draws
from channels.blocks import Fading, Source, independent, stream
from channels.timing import Time, timing

DIRECT = 8  # purpose of the random stream of the direct path's phase


class Rician(Channel):
    """Flat Rician fading, a direct path among scattered ones, with additive white Gaussian noise.

    h = sqrt(K/(K+1)) e^(j (2 pi f_S t + p)) + sqrt(1/(K+1)) z,  z ~ CN(0, 1),  K = 10^(k_db/10): g = |h|^2 has mean 1 and a
    non-central chi-square law (phy.md 3). K = 0 is Rayleigh fading, K without end is no fading. The noise power is constant:
    the SNR of a block is g 10^(snr_db/10). Measured K, mean and standard deviation over places: 9 and 5 dB in a street canyon,
    7 and 4 dB in an office, both with line of sight (3GPP TR 38.901, table 7.5-6).

    snr_db       mean signal-to-noise ratio Es/N0 per complex symbol [dB]
    k_db         power of the direct path over that of all others; -inf is Rayleigh fading [dB]
    coherence_s  length of a block; inf: one draw for ever [s]
    doppler_hz   largest Doppler shift f_D, in place of coherence_s [Hz]
    speed_mps    speed of the receiver, in place of doppler_hz [m/s]
    carrier_hz   carrier frequency, for speed_mps [Hz]
    time         `block`: independent blocks; `clarke`: the gain of a sum of sinusoids, whose blocks are as long as coherence_s,
                 0.01/f_D unless given; `gauss_markov`: blocks of coherence_s, 0.1/f_D unless given, correlated with their
                 neighbours alone
    los_doppler  Doppler shift of the direct path over f_D (3GPP TR 38.901, 7.7.2); without effect on independent blocks

    >>> channel = Rician(snr_db=10.0, k_db=7.0, coherence_s=0.01)
    >>> round(channel.ergodic_capacity(), 3)
    3.263
    """

    def __init__(
        self,
        *,
        snr_db: Annotated[float, "(-inf, inf]"],
        k_db: Annotated[float, "[-inf, 60]"],
        coherence_s: Annotated[float, "(0, inf]"] | None = None,
        doppler_hz: Annotated[float, "(0, inf)"] | None = None,
        speed_mps: Annotated[float, "(0, inf)"] | None = None,
        carrier_hz: Annotated[float, "(0, inf)"] = 3.5e9,
        time: Time = "block",
        los_doppler: Annotated[float, "[-1, 1]"] = 0.7,
    ) -> None:
        self.timing = timing(time, coherence_s, doppler_hz, speed_mps, carrier_hz)
        self.snr_db = snr_db
        self.snr = units.mean_snr(snr_db)
        if not k_db <= 60.0:
            raise ValueError(f"k_db must be at most 60, got {k_db}; beyond that use awgn")
        if not -1.0 <= los_doppler <= 1.0:
            raise ValueError(f"los_doppler must be in [-1, 1], got {los_doppler}")
        self.k_db = k_db
        self.k = units.linear(k_db)
        self.los_doppler = los_doppler
        self._direct = math.sqrt(self.k / (self.k + 1.0))
        self._scattered = math.sqrt(1.0 / (self.k + 1.0))
        source = independent(self._law) if self.timing.time == "block" else self._moving()
        self.law = laws.rician(self.k)
        self._fading = Fading(source, self.snr, self.timing.block_s)

    def draws(self, start_s: float, blocks: int, key: int) -> Draws:
        """`blocks` blocks from `start_s` on; see `channels.blocks.Blocks.look`."""
        return self._fading.draws(start_s, blocks, key)

    def _law(self, generator: np.random.Generator, count: int) -> np.ndarray:
        """Independent gains: the phase of the direct path does not matter."""
        z = generator.standard_normal((2, count)) * (self._scattered * math.sqrt(0.5))
        gains: np.ndarray = (self._direct + z[0]) ** 2 + z[1] ** 2
        return gains

    def _moving(self) -> Source:
        """Gains in which direct and scattered paths turn at their own speeds."""
        scatter, timing = self.timing.scatter(), self.timing

        def chunk(key: int, number: int) -> np.ndarray:
            phase = stream(key, 0, DIRECT).uniform()
            cycles = self.los_doppler * (timing.doppler_hz or 0.0) * timing.middles(number) + phase
            direct = self._direct * np.exp(2j * math.pi * (cycles - np.rint(cycles)))
            gains: np.ndarray = np.abs(direct + self._scattered * scatter(key, number)[0]) ** 2
            return gains

        return chunk
