"""Frequency-selective fading by tapped delay lines."""

import math
from typing import Annotated, Literal

import numpy as np

from channels import laws, units
from channels.base import Channel, Draws
from channels.blocks import CHUNK, Blocks, Source, stream, with_noise
from channels.doppler import Clarke
from channels.ofdm import Lines, band, powers, seen
from channels.timing import timing

FEW = 8  # chunks of taps remembered; up to 200 KiB each
DIRECT, TAPS = 9, 10  # purposes of random streams: phase of the direct path, independent taps
MOST_GAINS = 1 << 25  # of subcarriers, told at once: a quarter of a gigabyte
AT_ONCE = 1 << 22  # of them, worked out together
LOS_DOPPLER = 0.7  # Doppler shift of the direct path over f_D (3GPP TR 38.901, 7.7.2)


class TDL(Channel):
    """Frequency-selective fading: a tapped delay line of 3GPP TR 38.901 as OFDM sees it, with additive white Gaussian noise.

    H(f, t) = sum_n g_n(t) e^(-j 2 pi f tau_n), tau_n the profile's delays times `delay_spread_s`, g_n independent Rayleigh
    gains, in profiles D and E beside a direct path of Doppler shift 0.7 f_D (tables 7.7.2-1 to 7.7.2-5, section 7.7.3; phy.md
    4); E|H|^2 = 1. A cyclic prefix longer than the largest delay is taken for granted: each subcarrier then has a gain H and
    no echo. The gain of a block is the mean |H|^2 over the band, its SNR the one SNR that carries as much as all subcarriers
    together, log2(1 + snr_eff) = mean_k log2(1 + snr |H_k|^2). Values that are sent as symbols meet the gain of their own
    subcarrier: symbols go over the subcarriers first, then over time. Usual rms delay spreads: 10, 30, 100, 300 and 1000 ns
    are very short, short, nominal, long and very long (table 7.7.3-1); a street canyon has 40 (line of sight) and 97 ns, an
    office 20 and 39 ns, at 3.5 GHz.

    snr_db          mean signal-to-noise ratio Es/N0 per complex symbol [dB]
    profile         `A`, `B`, `C`: no direct path; `D`, `E`: a direct path 13.3 and 22 dB above the first tap
    delay_spread_s  root mean square delay spread [s]
    bandwidth_hz    width of the band, on which the link's radio sends as well [Hz]
    subcarriers     of OFDM, evenly over the band
    coherence_s     length of a block; inf: one draw for ever [s]
    doppler_hz      largest Doppler shift f_D, in place of coherence_s [Hz]
    speed_mps       speed of the receiver, in place of doppler_hz [m/s]
    carrier_hz      carrier frequency, for speed_mps [Hz]
    time            `block`: independent blocks; `clarke`: taps of sums of sinusoids, in blocks as long as coherence_s, 0.01/f_D
                    unless given

    >>> channel = TDL(snr_db=10.0, profile="A", delay_spread_s=100e-9, bandwidth_hz=20e6, doppler_hz=10.0, time="clarke")
    >>> channel.frequency_response([0.0, 1e5], key=1).shape
    (2, 64)
    """

    def __init__(
        self,
        *,
        snr_db: Annotated[float, "(-inf, inf]"],
        profile: Literal["A", "B", "C", "D", "E"],
        delay_spread_s: Annotated[float, "[0, inf)"],
        bandwidth_hz: Annotated[float, "(0, inf)"],
        subcarriers: Annotated[int, "[1, 4096]"] = 64,
        coherence_s: Annotated[float, "(0, inf]"] | None = None,
        doppler_hz: Annotated[float, "(0, inf)"] | None = None,
        speed_mps: Annotated[float, "(0, inf)"] | None = None,
        carrier_hz: Annotated[float, "(0, inf)"] = 3.5e9,
        time: Literal["block", "clarke"] = "block",
    ) -> None:
        if time not in ("block", "clarke"):
            raise ValueError(f"time must be 'block' or 'clarke', got {time!r}")
        self.timing = timing(time, coherence_s, doppler_hz, speed_mps, carrier_hz)
        self.snr_db = snr_db
        self.snr = units.mean_snr(snr_db)
        self.lines = Lines(profile, delay_spread_s)
        self.frequencies_hz = band(bandwidth_hz, subcarriers)
        self._clarke = None if time == "block" else Clarke(self.timing.doppler_hz or 0.0, len(self.lines.delays_s))
        self.subcarriers = subcarriers
        self.profile, self.delay_spread_s = self.lines.profile, delay_spread_s
        self.law = laws.rician(self.profile.direct / (1.0 - self.profile.direct))  # of a subcarrier's gain
        self._taps = Blocks(self._scatter(), self.timing.block_s, FEW)
        self._seen = Blocks(self._look(), self.timing.block_s)

    def draws(self, start_s: float, blocks: int, key: int) -> Draws:
        """`blocks` blocks from `start_s` on; see `channels.blocks.Blocks.look`."""
        seen, seconds = self._seen.look(start_s, blocks, key)
        return Draws(seen[0], seen[1], seconds)

    def by_subcarrier(self, start_s: float, blocks: int, key: int) -> Draws:
        """The blocks of `draws`, |H|^2 and SNR of every subcarrier: [blocks, subcarriers].

        Raises ValueError for more of them than fit into memory.
        """
        half_s, most = self.timing.block_s / 2.0, MOST_GAINS // self.subcarriers
        if blocks > most and half_s < math.inf:
            raise ValueError(
                f"{blocks} blocks of {self.subcarriers} subcarriers do not fit into memory, at most {most} do: use fewer "
                "subcarriers, a longer coherence_s or shorter transfers"
            )
        taps, seconds = self._taps.look(start_s, blocks, key)
        direct = self._direct(start_s + np.cumsum(seconds) - (half_s if half_s < math.inf else 0.0), key)
        power = np.empty((len(seconds), self.subcarriers))
        step = max(1, AT_ONCE // self.subcarriers)
        for first in range(0, len(seconds), step):
            here = slice(first, first + step)
            power[here] = powers(self.lines.response(taps[:, here], direct[here], self.frequencies_hz))
        return Draws(power, with_noise(power, self.snr), seconds)

    def frequency_response(
        self, times_s: np.ndarray | list[float], key: int, frequencies_hz: np.ndarray | None = None
    ) -> np.ndarray:
        """H at `times_s` [s], [times], of the link `key`: [times, subcarriers] complex.

        frequencies_hz  from the middle of the band, [subcarriers]; those of the knobs unless given [Hz]
        """
        times = np.asarray(times_s, dtype=np.float64)
        if self._clarke is not None:
            taps = self._clarke.at(times, key)
        else:
            taps = np.stack([self._taps.look(float(time), 1, key)[0][:, 0] for time in times], axis=-1)  # [taps, times]
        direct = self._direct(times, key)
        return self.lines.response(taps, direct, self.frequencies_hz if frequencies_hz is None else frequencies_hz)

    def slot_responses(
        self, start_s: float, symbol_s: float, symbols: int, keys: range, frequencies_hz: np.ndarray
    ) -> np.ndarray:
        """H of `symbols` successive symbols of `symbol_s` [s] each, from `start_s` [s] on, of many links at once.

        [links, symbols, subcarriers] complex64. Raises ValueError for independent blocks, which say nothing of symbols.
        """
        if self._clarke is None:
            raise ValueError("slot_responses needs time='clarke'")
        times = start_s + symbol_s * np.arange(symbols)
        taps = self._clarke.evenly_of(start_s, symbol_s, symbols, keys)  # [links, taps, symbols]
        direct = np.stack([self._direct(times, key) for key in keys]) if self.lines.direct else times  # [links, symbols]
        return self.lines.response(taps, direct, frequencies_hz)

    def _scatter(self) -> Source:
        """Complex gains CN(0, 1) of all taps, [taps, CHUNK] a chunk."""
        if self._clarke is not None:
            return self._clarke.blocks(self.timing.block_s)
        taps = len(self.lines.delays_s)

        def chunk(key: int, number: int) -> np.ndarray:
            normal = stream(key, number, TAPS).standard_normal((CHUNK, taps, 2)).view(np.complex128)[..., 0]
            return np.ascontiguousarray(normal.T) * math.sqrt(0.5)

        return chunk

    def _look(self) -> Source:
        """Mean |H|^2 over the band and effective SNR, [2, CHUNK] a chunk."""
        scatter = self._scatter()

        def chunk(key: int, number: int) -> np.ndarray:
            direct = self._direct(self.timing.middles(number), key)
            return seen(self.lines.response(scatter(key, number), direct, self.frequencies_hz), self.snr)

        return chunk

    def _direct(self, times_s: np.ndarray, key: int) -> np.ndarray:
        """The direct path's phasor at `times_s`, [times]."""
        shift = LOS_DOPPLER * (self.timing.doppler_hz or 0.0) if self.timing.time == "clarke" else 0.0
        cycles = np.where(np.isfinite(times_s), times_s, 0.0) * shift + stream(key, 0, DIRECT).uniform()
        phasor: np.ndarray = np.exp(2j * math.pi * (cycles - np.rint(cycles)))
        return phasor
