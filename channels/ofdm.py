"""OFDM over a frequency-selective channel: one complex gain a subcarrier (phy.md 4)."""

import math

import numpy as np
import torch
from torch import Generator, Tensor

from channels.blocks import with_noise
from channels.draws import Equaliser
from channels.profiles import profile


class Lines:
    """Delays [s], [taps], and amplitudes of a profile with rms delay spread `delay_spread_s` [s]."""

    def __init__(self, name: str, delay_spread_s: float) -> None:
        if not 0.0 <= delay_spread_s < math.inf:
            raise ValueError(f"delay_spread_s must not be negative and must be finite, got {delay_spread_s}")
        self.profile = profile(name)
        self.delays_s = self.profile.delays * delay_spread_s
        self.amplitudes = np.sqrt(self.profile.powers)
        self.direct = math.sqrt(self.profile.direct)
        self._steering: tuple[bytes, np.ndarray] = (b"", np.empty(0))

    def response(self, taps: np.ndarray, direct: np.ndarray, frequencies_hz: np.ndarray) -> np.ndarray:
        """H of scattered gains [..., taps, times] and the direct path's phasor [..., times].

        [..., times, subcarriers] complex64, at frequencies [subcarriers] from the carrier.
        """
        given = np.ascontiguousarray(frequencies_hz, dtype=np.float64)
        if self._steering[0] != given.tobytes():  # the last frequencies asked for are the next ones, as a rule
            turns = self.amplitudes[:, None] * np.exp(-2j * math.pi * np.multiply.outer(self.delays_s, given))
            self._steering = (given.tobytes(), turns.astype(np.complex64))  # [taps, subcarriers]
        gains = np.swapaxes(taps, -1, -2).astype(np.complex64)
        flat = gains.reshape(-1, gains.shape[-1]) @ self._steering[1]  # one product, [... * times, subcarriers]
        response: np.ndarray = flat.reshape(*gains.shape[:-1], len(given))
        if self.direct:
            response += (self.direct * direct).astype(np.complex64)[..., None]
        return response


def band(bandwidth_hz: float, subcarriers: int) -> np.ndarray:
    """The middles of `subcarriers` equal parts of a band, from its middle [Hz], [subcarriers]."""
    if not (0.0 < bandwidth_hz < math.inf and subcarriers >= 1):
        raise ValueError(
            f"bandwidth_hz must be positive and finite, subcarriers at least 1; got {bandwidth_hz} and {subcarriers}"
        )
    return (np.arange(subcarriers) - (subcarriers - 1) / 2.0) * (bandwidth_hz / subcarriers)


def powers(response: np.ndarray) -> np.ndarray:
    """|H|^2 of a response of any shape, float64."""
    squares: np.ndarray = response.real.astype(np.float64) ** 2 + response.imag.astype(np.float64) ** 2
    return squares


def effective(snr: np.ndarray) -> np.ndarray:
    """The one SNR that carries as much as all subcarriers together, of SNRs [blocks, subcarriers]: [blocks].

    log2(1 + snr_eff) = mean_k log2(1 + snr_k): what a code over the band carries (phy.md 6.3). Infinite where all are.
    """
    if snr.shape[1] == 1:
        return snr[:, 0]
    together: np.ndarray = np.expm1(np.log1p(snr).mean(axis=-1))
    return together


def seen(response: np.ndarray, snr: float) -> np.ndarray:
    """Mean |H|^2 and effective SNR over the subcarriers of a response [times, subcarriers], [2, times] float64."""
    power = powers(response)
    return np.stack([power.mean(axis=-1), effective(with_noise(power, snr))])


def receive(x: Tensor, response: Tensor, snr: float, generator: Generator) -> Tensor:
    """y = H x + n,  n ~ CN(0, 1/snr): complex symbols [..., symbols, subcarriers] after the channel, differentiable in x.

    response  complex H, broadcast to x: [..., 1, subcarriers] holds for all symbols of a slot
    snr       linear SNR of symbols of unit mean power where |H| = 1; inf: no noise

    Raises TypeError for symbols that are not complex, ValueError for an SNR that is not positive.
    """
    if not x.dtype.is_complex:
        raise TypeError(f"symbols must be complex, got {x.dtype}")
    if not snr > 0.0:
        raise ValueError(f"snr must be positive, got {snr}")
    if math.isinf(snr):
        return x * response
    noise = torch.empty(x.shape, dtype=x.dtype, device=generator.device)
    torch.view_as_real(noise).normal_(0.0, math.sqrt(0.5 / snr), generator=generator)
    return noise.to(x.device).addcmul_(x, response)


def equalise(y: Tensor, response: Tensor, snr: float, equaliser: Equaliser = "mmse") -> Tensor:
    """The symbols that a receiver that knows H makes of y: y / H, or H* y / (|H|^2 + 1/snr). Raises ValueError for others."""
    if equaliser == "zf":
        return y / response
    if equaliser == "mmse":
        return y * (response.conj() / (response.abs().square() + 1.0 / snr))
    raise ValueError(f"equaliser must be 'zf' or 'mmse', got {equaliser!r}")
