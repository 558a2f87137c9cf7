"""Nakagami-m fading."""

from typing import TYPE_CHECKING, Annotated

import numpy as np
from scipy import special

from channels import laws, units
from channels.base import Channel, Draws
from channels.blocks import Fading, Source, independent
from channels.timing import Time, timing

POWERS = (1e-15, 100.0)  # |h|^2 of a Rayleigh process is never outside

if TYPE_CHECKING:
    from scipy import interpolate


class Nakagami(Channel):
    """Flat Nakagami-m fading with additive white Gaussian noise.

    g = |h|^2 ~ Gamma(m, 1/m), mean 1 and variance 1/m (phy.md 3): m = 1 is Rayleigh fading, smaller m fades deeper, m without
    end is no fading. The noise power is constant: the SNR of a block is g 10^(snr_db/10). With memory, the gain is that of a
    Rayleigh process h mapped to the same probability, g = F_m^-1(1 - e^(-|h|^2)).

    snr_db       mean signal-to-noise ratio Es/N0 per complex symbol [dB]
    m            shape; Rician fading of factor K is like m = (K + 1)^2 / (2 K + 1)
    coherence_s  length of a block; inf: one draw for ever [s]
    doppler_hz   largest Doppler shift f_D, in place of coherence_s [Hz]
    speed_mps    speed of the receiver, in place of doppler_hz [m/s]
    carrier_hz   carrier frequency, for speed_mps [Hz]
    time         `block`: independent blocks; `clarke`: the gain of a sum of sinusoids, whose blocks are as long as coherence_s,
                 0.01/f_D unless given; `gauss_markov`: blocks of coherence_s, 0.1/f_D unless given, correlated with their
                 neighbours alone

    >>> channel = Nakagami(snr_db=10.0, m=3.0, coherence_s=0.01)
    >>> round(channel.ergodic_capacity(), 3)
    3.262
    """

    def __init__(
        self,
        *,
        snr_db: Annotated[float, "(-inf, inf]"],
        m: Annotated[float, "[0.5, 1e6]"],
        coherence_s: Annotated[float, "(0, inf]"] | None = None,
        doppler_hz: Annotated[float, "(0, inf)"] | None = None,
        speed_mps: Annotated[float, "(0, inf)"] | None = None,
        carrier_hz: Annotated[float, "(0, inf)"] = 3.5e9,
        time: Time = "block",
    ) -> None:
        self.timing = timing(time, coherence_s, doppler_hz, speed_mps, carrier_hz)
        self.snr_db = snr_db
        self.snr = units.mean_snr(snr_db)
        if not 0.5 <= m <= 1e6:
            raise ValueError(f"m must be in [0.5, 1e6], got {m}")
        self.m = m
        source = independent(self._law) if self.timing.time == "block" else self._moving()
        self.law = laws.nakagami(m)
        self._fading = Fading(source, self.snr, self.timing.block_s)

    def draws(self, start_s: float, blocks: int, key: int) -> Draws:
        """`blocks` blocks from `start_s` on; see `channels.blocks.Blocks.look`."""
        return self._fading.draws(start_s, blocks, key)

    def _law(self, generator: np.random.Generator, count: int) -> np.ndarray:
        return generator.standard_gamma(self.m, count) / self.m

    def _moving(self) -> Source:
        scatter, mapped = self.timing.scatter(), _mapped(self.m)

        def chunk(key: int, number: int) -> np.ndarray:
            power = np.abs(scatter(key, number)[0]) ** 2
            gains: np.ndarray = np.exp(mapped(np.log(np.clip(power, *POWERS))))
            return gains

        return chunk


def _mapped(m: float) -> "interpolate.CubicSpline":
    """ln power -> ln g of the same probability; a spline through exact values, for the inverse itself takes microseconds."""
    from scipy import interpolate  # here: with all it brings along it takes 30 MB, and nothing else needs it

    power = np.geomspace(*POWERS, 4096)
    below = special.gammaincinv(m, -np.expm1(-power))
    above = special.gammainccinv(m, np.exp(-power))
    return interpolate.CubicSpline(np.log(power), np.log(np.where(power < 0.5, below, above) / m))
