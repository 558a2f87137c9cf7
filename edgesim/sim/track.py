"""A link's channel along the time line, fetched as far as somebody looks."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edgesim.errors import RunError

if TYPE_CHECKING:
    from channels.base import Draws

Fading = Callable[[float, int], "Draws"]  # absolute start [s], number of blocks -> the link's realisation from there on
MOST_BLOCKS = 1 << 22  # a transfer that spans more coherence blocks than this will never end in practice
MOST_SNR = 1e30  # stands for a channel without noise in sums; 300 dB


class Pieces(NamedTuple):
    """Packets cut where their channel changes, in the order of time.

    packet  [pieces] int, number of the packet
    first   [packets] int, number of each packet's first piece
    share   [pieces] the part of its packet that a piece is
    snr     [pieces]
    """

    packet: np.ndarray
    first: np.ndarray
    share: np.ndarray
    snr: np.ndarray

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Mean over each packet of what is `values` [pieces], [packets]."""
        over: np.ndarray = np.add.reduceat(values * self.share, self.first)
        return over


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

    def more(self) -> None:
        """Look eight times as far as until now."""
        self._fetch(8 * len(self.snr))

    def reach(self, until_s: float) -> None:
        """Make sure the track goes beyond `until_s` [s]."""
        while self.edges[-1] <= until_s:
            self.more()

    def changes(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Which of packets sent one after the other may not see what the one before saw all the time, [packets] bool."""
        new = np.zeros(len(starts), dtype=bool)
        new[0] = True
        edges = self.edges[1:-1]
        after = np.searchsorted(starts, edges)  # the first packet that begins at each edge or after it
        new[after[after < len(starts)]] = True
        before = np.maximum(after - 1, 0)
        new[before[ends[before] > edges]] = True
        return new

    def pieces(self, starts: np.ndarray, ends: np.ndarray) -> Pieces:
        """Packets from `starts` to `ends` [packets] [s], cut at the edges of the blocks."""
        self.reach(float(ends[-1]))
        first = np.maximum(np.searchsorted(self.edges, starts, side="right") - 1, 0)
        counts = np.maximum(np.searchsorted(self.edges, ends, side="left") - 1, first) - first + 1
        begin = np.cumsum(counts) - counts
        packet = np.repeat(np.arange(len(starts)), counts)
        block = np.arange(len(packet)) - (begin - first)[packet]
        length = np.minimum(ends[packet], self.edges[block + 1]) - np.maximum(starts[packet], self.edges[block])
        return Pieces(packet, begin, length / (ends - starts)[packet], self.snr[block])

    def mean_db(self, start_s: float, end_s: float) -> float:
        """Time-averaged SNR between two instants [dB]; inf for a channel without noise."""
        self.reach(end_s)
        if len(self.snr) == 1:
            return decibels(float(self.snr[0]))
        return decibels(float(np.dot(self.snr, np.diff(np.clip(self.edges, start_s, end_s)))) / (end_s - start_s))


def decibels(snr: float) -> float:
    """10 log10 of an SNR [dB]; inf for a channel without noise."""
    if snr >= MOST_SNR / 2.0:
        return math.inf
    return 10.0 * math.log10(snr) if snr > 0.0 else -math.inf
