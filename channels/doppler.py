"""Scattered waves at a moving receiver: complex gains of mean power 1 as functions of absolute time (phy.md 3.1)."""

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from scipy import special

from channels.blocks import CHUNK, Source, stream

SINUSOIDS = 32  # waves in a sum; with fewer, deep fades are rarer than they should be (phy.md 3.1)
KEPT = 4096  # links whose waves are remembered; 1 KiB a path each
FEW = 16  # even steps that are turned one by one
SMALLEST = 1e-12  # what a correlation may lose of its value where an endless memory is cut off
MOST_MEMORY = 10_000  # chunks
TOGETHER = 32  # chunks whose beginnings are drawn together
Amplitudes = Literal["equal", "gaussian"]
WAVES, PAST, INSIDE = 1, 2, 3  # purposes of random streams


class Waves(NamedTuple):
    """The waves of one link, [paths, sinusoids] each: frequency [Hz], phase at time 0 [cycles], complex amplitude."""

    hz: np.ndarray
    cycles: np.ndarray
    amplitude: np.ndarray


class Clarke:
    """Clarke's isotropic scattering as a sum of sinusoids (Xiao, Zheng & Beaulieu, IEEE TWC 5(12), 2006).

    h(t) = N^(-1/2) sum_n exp j(2 pi f_D t cos a_n + p_n),  a_n = (2 pi n + u_n) / N,  u_n, p_n uniform in (-pi, pi). Over
    links the autocorrelation is J0(2 pi f_D tau) for every N, and E|h|^4 = 2 - 1/N. Evaluated at any instant, in any order.
    Phases are float64 until they are reduced to a cycle; gains are exact to some 1e-7, at any time.

    doppler_hz  f_D, the largest Doppler shift [Hz]
    paths       independent gains of one link
    sinusoids   N
    amplitudes  `equal`: every link has mean power 1 over time; `gaussian`: CN(0, 1/N), at any instant h is exactly CN(0, 1)
                over links, but the power of one link over time is not 1

    >>> Clarke(100.0).at([0.0, 1e6], key=1).shape
    (1, 2)
    """

    def __init__(self, doppler_hz: float, paths: int = 1, sinusoids: int = SINUSOIDS, amplitudes: Amplitudes = "equal") -> None:
        if not (0.0 <= doppler_hz < math.inf and paths >= 1 and sinusoids >= 1):
            given = f"{doppler_hz}, {paths}, {sinusoids}"
            raise ValueError(f"need 0 <= doppler_hz < inf, paths >= 1 and sinusoids >= 1; got {given}")
        if amplitudes not in ("equal", "gaussian"):
            raise ValueError(f"amplitudes must be 'equal' or 'gaussian', got {amplitudes!r}")
        self.doppler_hz = doppler_hz
        self.paths = paths
        self.sinusoids = sinusoids
        self.amplitudes = amplitudes
        self._waves: OrderedDict[int, Waves] = OrderedDict()

    def waves(self, key: int) -> Waves:
        """The waves of the link `key`."""
        known = self._waves.get(key)
        if known is not None:
            return known
        generator = stream(key, 0, WAVES)
        shape = (self.paths, self.sinusoids)
        angle = 2.0 * math.pi * (np.arange(1, self.sinusoids + 1) + generator.uniform(-0.5, 0.5, shape)) / self.sinusoids
        cycles = generator.uniform(0.0, 1.0, shape)
        amplitude = np.full(shape, 1.0 / math.sqrt(self.sinusoids), dtype=np.complex128)
        if self.amplitudes == "gaussian":
            amplitude = amplitude * generator.standard_normal((*shape, 2)).view(np.complex128)[..., 0] / math.sqrt(2.0)
        if len(self._waves) >= KEPT:
            self._waves.popitem(last=False)  # the oldest
        self._waves[key] = Waves(self.doppler_hz * np.cos(angle), cycles, amplitude)
        return self._waves[key]

    def at(self, times_s: np.ndarray | list[float] | float, key: int) -> np.ndarray:
        """Gains at `times_s` [s], any shape [...]: [paths, ...] complex."""
        times = np.asarray(times_s, dtype=np.float64)
        waves = self.waves(key)
        if times.size == 1:  # one instant of one link is what an event asks for: no broadcasting
            turned = _turned(waves.hz * times.reshape(()) + waves.cycles)
            gain: np.ndarray = (waves.amplitude * turned).sum(axis=-1).reshape(self.paths, *times.shape)
            return gain
        cycles = waves.hz[..., None] * times.reshape(-1) + waves.cycles[..., None]  # [paths, sinusoids, times]
        gains: np.ndarray = np.matmul(waves.amplitude.astype(np.complex64)[:, None, :], _turned(cycles))  # [paths, 1, times]
        return gains.astype(np.complex128).reshape((self.paths, *times.shape))

    def evenly(self, start_s: float, step_s: float, count: int, key: int) -> np.ndarray:
        """Gains at start_s, start_s + step_s, ..., [paths, count] complex."""
        return _evenly(self.waves(key), start_s, step_s, count).astype(np.complex128)

    def evenly_of(self, start_s: float, step_s: float, count: int, keys: Sequence[int]) -> np.ndarray:
        """`evenly` of many links in one go, [links, paths, count] complex64."""
        waves = [self.waves(key) for key in keys]
        together = Waves(*(np.concatenate(column) for column in zip(*waves, strict=True)))
        return _evenly(together, start_s, step_s, count).reshape(len(waves), self.paths, count)

    def blocks(self, block_s: float) -> Source:
        """Gains in the middle of blocks of `block_s` [s], [paths, CHUNK] a chunk."""

        def chunk(key: int, number: int) -> np.ndarray:
            return self.evenly((number * CHUNK + 0.5) * block_s, block_s, CHUNK, key)

        return chunk


class GaussMarkov:
    """First-order autoregressive gains: the cheapest memory.

    h_k+1 = r h_k + sqrt(1 - r^2) w,  w ~ CN(0, 1),  with r = J0(2 pi f_D T) between adjacent blocks of length T: the exact law
    of one step of Clarke's process, and r^n after n steps, where Clarke's has J0(2 pi f_D n T). It needs no history to be
    evaluated at a late time: the gains where chunks begin are sums over independent numbers, as far back as counts, and those
    within a chunk are the bridge between two of them, which has exactly the law of the recursion.

    doppler_hz  f_D [Hz]
    block_s     T [s]; adjacent blocks may not be nearly equal, f_D T below about 1e-3 is refused

    >>> round(GaussMarkov(doppler_hz=10.0, block_s=0.01).step, 3)
    0.904
    """

    def __init__(self, doppler_hz: float, block_s: float) -> None:
        self.step = float(special.j0(2.0 * math.pi * doppler_hz * block_s))  # r
        across = self.step**CHUNK  # CHUNK is even
        self._memory = 1 + (math.ceil(math.log(SMALLEST) / math.log(across)) if 0.0 < across < 1.0 else 0)
        if self._memory > MOST_MEMORY or across == 1.0:
            raise ValueError(
                f"blocks of {block_s} s hardly differ at doppler_hz {doppler_hz}: use time 'clarke', or coherence_s above "
                f"{1e-3 / doppler_hz if doppler_hz else math.inf:.3g}"
            )
        power = self.step ** np.arange(CHUNK + 1, dtype=np.float64)  # r^k
        self._weights = across ** np.arange(self._memory - 1, -1, -1, dtype=np.float64)
        self._bridge = power[CHUNK - np.arange(CHUNK)] * (1.0 - power[:CHUNK] ** 2) / (1.0 - across**2)

    def blocks(self, key: int, number: int) -> np.ndarray:
        """Gains of one chunk, [1, CHUNK]; a `channels.blocks.Source`."""
        from scipy import signal  # here: with all it brings along it takes 40 MB, and nothing else needs it

        first, after = self._beginning(key, number), self._beginning(key, number + 1)
        w = math.sqrt(1.0 - self.step**2) * _complex_normal(stream(key, number, INSIDE), CHUNK)
        free = signal.lfilter([1.0], [1.0, -self.step], np.concatenate([[first], w]))  # the recursion, not heeding `after`
        gains: np.ndarray = (free[:CHUNK] + self._bridge * (after - free[CHUNK]))[None]
        return gains

    def _beginning(self, key: int, number: int) -> complex:
        """The gain of the first block of a chunk: sum_i R^i sqrt(1 - R^2) w_(number - i), R = r^CHUNK."""
        across = self.step**CHUNK
        oldest = number - self._memory + 1
        groups = range(oldest // TOGETHER, number // TOGETHER + 1)
        w = np.concatenate([_complex_normal(stream(key, group, PAST), TOGETHER) for group in groups])
        remembered = w[oldest - groups[0] * TOGETHER :][: self._memory]  # oldest first
        return complex(math.sqrt(1.0 - across**2) * np.dot(self._weights, remembered))


def _evenly(waves: Waves, start_s: float, step_s: float, count: int) -> np.ndarray:
    """Gains at start_s, start_s + step_s, ..., [paths, count] complex64.

    The turn of each wave is a product of a coarse and a fine turn, found in two short tables; of a few steps, it is turned step
    by step, which rounds by some 1e-7 each.
    """
    begun = waves.amplitude.astype(np.complex64) * _turned(waves.hz * start_s + waves.cycles)  # [paths, sinusoids]
    if count <= FEW:
        step, ones = _turned(waves.hz * step_s), np.ones(begun.shape[1], dtype=np.complex64)
        few = np.empty((len(begun), count), dtype=np.complex64)
        for place in range(count):
            few[:, place] = begun @ ones
            begun *= step
        return few
    fine = math.ceil(math.sqrt(count))
    coarse = -(-count // fine)
    turns = _turned(waves.hz[:, None, :] * (step_s * fine * np.arange(coarse)[:, None]))  # [paths, coarse, sinusoids]
    fast = _turned(waves.hz[..., None] * (step_s * np.arange(fine)))  # [paths, sinusoids, fine]
    gains: np.ndarray = np.matmul(begun[:, None, :] * turns, fast)  # [paths, coarse, fine]
    return gains.reshape(len(begun), coarse * fine)[:, :count]


def _turned(cycles: np.ndarray) -> np.ndarray:
    """exp(j 2 pi cycles) of large numbers of cycles, complex64: reduced to one cycle in float64, then twelve times as fast."""
    angle = (2.0 * math.pi * (cycles - np.rint(cycles))).astype(np.float32)
    turned = np.empty(angle.shape, dtype=np.complex64)
    np.cos(angle, out=turned.real)
    np.sin(angle, out=turned.imag)
    return turned


def _complex_normal(generator: np.random.Generator, count: int) -> np.ndarray:
    """CN(0, 1), [count]."""
    normal: np.ndarray = generator.standard_normal((count, 2)).view(np.complex128)[:, 0] * math.sqrt(0.5)
    return normal
