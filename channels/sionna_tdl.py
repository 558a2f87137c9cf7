"""Frequency-selective fading by Sionna's tapped delay lines."""

import importlib
import importlib.util
import math
from collections import OrderedDict
from typing import Annotated, Any, Literal

import numpy as np

from channels import laws, units
from channels import profiles as tables
from channels.base import Channel, Draws
from channels.blocks import CHUNK, Blocks, stream, with_noise
from channels.ofdm import band, powers, seen
from channels.timing import timing

INTERVAL = 4  # chunks that Sionna generates in one go
KEPT = 64  # intervals remembered; 0.4 MiB each
SEED = 12  # purpose of the random stream of Sionna's seeds


class SionnaTDL(Channel):
    """The tapped delay lines of `tdl` as NVIDIA's Sionna generates them, to check the one against the other.

    Needs sionna-no-rt (`pip install "edgesim[sionna]"`). Sionna begins a new realisation at time 0 in every call and knows no
    absolute time: here every 2048 blocks, 20 periods of the Doppler shift, are one call with a seed of their own, and the gain
    jumps where one ends and the next begins; `tdl` has no such seams. Sionna's random stream is global to the process and is
    seeded anew by every call. Gain and SNR of a block are those of `tdl`.

    snr_db          mean signal-to-noise ratio Es/N0 per complex symbol [dB]
    profile         `A`, `B`, `C`: no direct path; `D`, `E`: a direct path 13.3 and 22 dB above the first tap
    delay_spread_s  root mean square delay spread [s]
    bandwidth_hz    width of the band, on which the link's radio sends as well [Hz]
    subcarriers     of OFDM, evenly over the band
    doppler_hz      largest Doppler shift f_D [Hz]
    speed_mps       speed of the receiver, in place of doppler_hz [m/s]
    carrier_hz      carrier frequency [Hz]
    coherence_s     length of a block, 0.01/f_D unless given [s]
    """

    def __init__(
        self,
        *,
        snr_db: Annotated[float, "(-inf, inf]"],
        profile: Literal["A", "B", "C", "D", "E"],
        delay_spread_s: Annotated[float, "[0, inf)"],
        bandwidth_hz: Annotated[float, "(0, inf)"],
        subcarriers: Annotated[int, "[1, 4096]"] = 64,
        doppler_hz: Annotated[float, "(0, inf)"] | None = None,
        speed_mps: Annotated[float, "(0, inf)"] | None = None,
        carrier_hz: Annotated[float, "(0, inf)"] = 3.5e9,
        coherence_s: Annotated[float, "(0, inf)"] | None = None,
    ) -> None:
        if importlib.util.find_spec("sionna") is None:
            raise ValueError("sionna_tdl needs sionna-no-rt, which is not installed: pip install 'edgesim[sionna]', or use tdl")
        if profile not in ("A", "B", "C", "D", "E"):
            raise ValueError(f"profile must be one of A, B, C, D, E, got {profile!r}")
        if not 0.0 <= delay_spread_s < math.inf:
            raise ValueError(f"delay_spread_s must not be negative and must be finite, got {delay_spread_s}")
        self.timing = timing("clarke", coherence_s, doppler_hz, speed_mps, carrier_hz)
        self.snr_db = snr_db
        self.snr = units.mean_snr(snr_db)
        self.frequencies_hz = band(bandwidth_hz, subcarriers)
        self.profile, self.delay_spread_s = tables.profile(profile), delay_spread_s
        self.law = laws.rician(self.profile.direct / (1.0 - self.profile.direct))  # of a subcarrier's gain
        self._name, self._carrier_hz = profile, carrier_hz
        self._model: Any = None
        self._delays_s = np.empty(0)
        self._intervals: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()
        self.subcarriers = subcarriers
        self._gains = Blocks(self._taps, self.timing.block_s, INTERVAL)
        self._seen = Blocks(self._look, self.timing.block_s)

    def draws(self, start_s: float, blocks: int, key: int) -> Draws:
        """`blocks` blocks from `start_s` on; see `channels.blocks.Blocks.look`."""
        looked, seconds = self._seen.look(start_s, blocks, key)
        return Draws(looked[0], looked[1], seconds)

    def by_subcarrier(self, start_s: float, blocks: int, key: int) -> Draws:
        """The blocks of `draws`, |H|^2 and SNR of every subcarrier: [blocks, subcarriers]."""
        taps, seconds = self._gains.look(start_s, blocks, key)
        power = powers(self._response(taps, self.frequencies_hz))
        return Draws(power, with_noise(power, self.snr), seconds)

    def frequency_response(
        self, times_s: np.ndarray | list[float], key: int, frequencies_hz: np.ndarray | None = None
    ) -> np.ndarray:
        """H of the blocks at `times_s` [s], [times], of the link `key`: [times, subcarriers] complex.

        frequencies_hz  from the middle of the band, [subcarriers]; those of the knobs unless given [Hz]
        """
        block = np.floor(np.asarray(times_s, dtype=np.float64) / self.timing.block_s).astype(np.int64)
        taps = [self._taps(key, int(number) // CHUNK)[:, int(number) % CHUNK] for number in block]
        return self._response(np.stack(taps, axis=-1), self.frequencies_hz if frequencies_hz is None else frequencies_hz)

    def _look(self, key: int, number: int) -> np.ndarray:
        """Mean |H|^2 over the band and effective SNR, [2, CHUNK]."""
        return seen(self._response(self._taps(key, number), self.frequencies_hz), self.snr)

    def _response(self, taps: np.ndarray, frequencies_hz: np.ndarray) -> np.ndarray:
        """H of gains [taps, times]: [times, subcarriers]."""
        response: np.ndarray = taps.T @ np.exp(-2j * math.pi * np.multiply.outer(self._delays_s, frequencies_hz))
        return response

    def _taps(self, key: int, chunk: int) -> np.ndarray:
        """Complex gains of one chunk, [taps, CHUNK]."""
        interval, place = divmod(chunk, INTERVAL)
        if (key, interval) not in self._intervals:
            if len(self._intervals) >= KEPT:
                self._intervals.popitem(last=False)  # the oldest
            self._intervals[key, interval] = self._generated(int(stream(key, interval, SEED).integers(1 << 31)))
        return self._intervals[key, interval][:, place * CHUNK : (place + 1) * CHUNK]

    def _generated(self, seed: int) -> np.ndarray:
        """One call of Sionna: [taps, INTERVAL * CHUNK]."""
        config = importlib.import_module("sionna.phy").config
        config.seed = seed
        if self._model is None:
            speed = (self.timing.doppler_hz or 0.0) * units.LIGHT_M_PER_S / self._carrier_hz
            kind = importlib.import_module("sionna.phy.channel.tr38901").TDL
            self._model = kind(self._name, self.delay_spread_s, self._carrier_hz, min_speed=speed, device="cpu")
        gains, delays = self._model(1, INTERVAL * CHUNK, 1.0 / self.timing.block_s)
        self._delays_s = delays[0, 0, 0].double().numpy()
        taps: np.ndarray = gains[0, 0, 0, 0, 0].numpy()
        return taps
