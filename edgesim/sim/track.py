"""A link's channel along the time line, fetched as far as somebody looks."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from edgesim.errors import RunError

if TYPE_CHECKING:
    from channels.base import Draws

Fading = Callable[[float, int], "Draws"]  # absolute start [s], number of blocks -> the link's realisation from there on
MOST_BLOCKS = 1 << 22  # a transfer that spans more coherence blocks than this will never end in practice
MOST_SNR = 1e30  # stands for a channel without noise in sums; 300 dB


class Track:
    """The realisation of a fading process from `start_s` [s] on, longer whenever it must be.

    snr    [blocks] linear SNR, at most `MOST_SNR`
    edges  [blocks + 1] absolute times at which the blocks begin and the last one ends [s]; the end may be inf
    """

    def __init__(self, fading: Fading, start_s: float) -> None:
        self._fading = fading
        self._start_s = start_s
        self.snr = np.zeros(0)
        self.edges = np.zeros(0)
        self._fetch(1)

    def _fetch(self, blocks: int) -> None:
        if blocks > MOST_BLOCKS:
            raise RunError(
                f"a transfer spans more than {MOST_BLOCKS} coherence blocks at a mean SNR of {self.snr.mean():.3g}: "
                "raise the SNR, the bandwidth or coherence_s"
            )
        draws = self._fading(self._start_s, blocks)
        self.snr = np.minimum(draws.snr, MOST_SNR)
        self.edges = np.concatenate([[self._start_s], self._start_s + np.cumsum(draws.seconds)])

    def reach(self, until_s: float) -> None:
        """Make sure the track goes beyond `until_s` [s]."""
        while self.edges[-1] <= until_s:
            self._fetch(4 * len(self.snr))

    def block(self, at_s: float) -> int:
        """Number of the block at `at_s`; the first one for earlier times."""
        self.reach(at_s)
        return max(0, int(np.searchsorted(self.edges, at_s, side="right")) - 1)

    def integral(self, values: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Integrals over time of a quantity that is `values` [blocks] in each block, from `starts` to `ends` [n] [s]."""
        lengths = np.diff(self.edges[:-1])
        before = np.concatenate([[0.0], np.cumsum(values[:-1] * lengths)])  # up to the beginning of each block
        over: np.ndarray = self._primitive(values, before, ends) - self._primitive(values, before, starts)
        return over

    def _primitive(self, values: np.ndarray, before: np.ndarray, times: np.ndarray) -> np.ndarray:
        block = np.maximum(np.searchsorted(self.edges, times, side="right") - 1, 0)
        reached: np.ndarray = before[block] + values[block] * (times - self.edges[block])
        return reached

    def mean_db(self, start_s: float, end_s: float) -> float:
        """Time-averaged SNR between two instants [dB]; inf for a channel without noise."""
        self.reach(end_s)
        if len(self.snr) == 1:
            mean = float(self.snr[0])
        else:
            mean = float(self.integral(self.snr, np.array([start_s]), np.array([end_s]))[0]) / (end_s - start_s)
        if mean >= MOST_SNR / 2.0:
            return math.inf
        return 10.0 * math.log10(mean) if mean > 0.0 else -math.inf
