"""Packets sent back to back: when each begins and ends, and by which scheme it is sent.

The packets of a burst are of one size, but for the last, which may be shorter.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from edgesim.errors import RunError
from edgesim.sim.coding import Coding
from edgesim.sim.track import Track


class Burst(NamedTuple):
    """Packets sent back to back; arrays are [packets].

    starts, ends  of each packet [s]
    scheme        number of its modulation and coding scheme
    symbols       channel uses of each packet
    silent_s      waited within the burst for a channel that carries something [s]
    """

    starts: np.ndarray
    ends: np.ndarray
    scheme: np.ndarray
    symbols: np.ndarray
    silent_s: float = 0.0

    def rows(self, rows: np.ndarray) -> "Burst":
        """Some of its packets."""
        return Burst(self.starts[rows], self.ends[rows], self.scheme[rows], self.symbols[rows])


@dataclass(frozen=True, slots=True)
class Sender:
    """The sending side of a link.

    bandwidth_hz  symbol rate [Hz]
    csi_delay_s   age of the SNR by which a packet's rate is chosen when it begins [s]
    follows       the rate follows the channel within a packet, without delay: nothing is lost for want of SNR
    outer_loop    correct the choice by what failed, towards a share `target_bler` of failures
    slot_s        a burst occupies whole slots of this length [s]; 0: it ends with its last symbol
    """

    coding: Coding
    bandwidth_hz: float
    csi_delay_s: float = 0.0
    follows: bool = False
    outer_loop: bool = False
    target_bler: float = 0.1
    slot_s: float = 0.0


def whole_slots(seconds: float, slot_s: float) -> float:
    """slot ceil(seconds / slot): how long a burst occupies the air [s] (phy.md 7); a slot of 0 takes nothing more."""
    if slot_s == 0.0:
        return seconds
    return slot_s * math.ceil(seconds / slot_s * (1.0 - 1e-12))  # a burst of exactly n slots may be rounded up a hair


Run = tuple[float, int, int, float]  # packets by one scheme in one reported block: begin [s], how many, scheme, bits a second


def spread(runs: list[Run], sizes: np.ndarray, bandwidth_hz: float, silent_s: float) -> Burst:
    """Runs of packets of `sizes` bits, packet by packet."""
    begins, counts, schemes, rates = (np.array(column) for column in zip(*runs, strict=True))
    inside = np.arange(len(sizes)) - np.repeat(np.cumsum(counts) - counts, counts)  # number of each packet in its run
    begin, rate = np.repeat(begins, counts), np.repeat(rates, counts)
    bits = inside * sizes[0]
    starts, ends = begin + bits / rate, begin + (bits + sizes) / rate
    return Burst(starts, ends, np.repeat(schemes, counts), sizes * bandwidth_hz / rate, silent_s)


def repeated(scheme: np.ndarray, symbols: np.ndarray, start_s: float, bandwidth_hz: float) -> Burst:
    """The same packets once more, as they were sent before."""
    ends = start_s + np.cumsum(symbols) / bandwidth_hz
    return Burst(np.concatenate([[start_s], ends[:-1]]), ends, scheme, symbols)


def following(sizes: np.ndarray, start_s: float, track: Track, sender: Sender) -> Burst:
    """Packets of `sizes` bits at the rate that the channel has at every instant."""
    total = float(sizes.sum())
    while True:
        rates = sender.coding.choose(track.snr).efficiency * sender.bandwidth_hz
        if rates[-1] == 0.0 and math.isinf(track.edges[-1]):
            complain(track)
        inside = np.maximum(track.edges, start_s)
        lengths = np.diff(inside)
        sent = np.concatenate([[0.0], np.cumsum(np.where(lengths > 0.0, rates * lengths, 0.0))])  # bits out by each edge
        if sent[-1] >= total:
            break
        track.more()
    upto = np.cumsum(sizes).astype(np.float64)
    block = np.maximum(np.searchsorted(sent, upto, side="left") - 1, 0)
    ends = inside[block] + (upto - sent[block]) / rates[block]
    starts = np.concatenate([[start_s], ends[:-1]])
    return Burst(starts, ends, np.zeros(len(sizes), dtype=np.int64), (ends - starts) * sender.bandwidth_hz)


def adaptive(sizes: np.ndarray, start_s: float, track: Track, sender: Sender) -> Burst:
    """Packets of `sizes` bits, each at the rate that the reported SNR allowed when it began."""
    size, left, now, silent_s = float(sizes[0]), len(sizes), start_s, 0.0
    runs: list[Run] = []
    until, schemes, rates = _reported(track, sender)
    block = 0
    while left:
        block = bisect_right(until, now, block)
        if block == len(until):
            track.more()
            until, schemes, rates = _reported(track, sender)
            block = 0
            continue
        end, rate = until[block], rates[block]
        if rate == 0.0:
            silent_s += wait(track, end - now)
            now = end
            continue
        room = (end - now) * rate / size
        fit = left if room >= left else math.ceil(room) or 1
        runs.append((now, fit, schemes[block], rate))
        now += fit * size / rate
        left -= fit
    return spread(runs, sizes, sender.bandwidth_hz, silent_s)


def _reported(track: Track, sender: Sender) -> tuple[list[float], list[int], list[float]]:
    """Until when [s] the report leads to one choice, its scheme, and its bits a second; blocks that agree are one."""
    choice = sender.coding.choose(track.snr)
    differs = choice.efficiency[1:] != choice.efficiency[:-1]
    last = np.append(np.flatnonzero(differs), len(track.snr) - 1)
    until = track.edges[last + 1] + sender.csi_delay_s
    return until.tolist(), choice.scheme[last].tolist(), (choice.efficiency[last] * sender.bandwidth_hz).tolist()


def wait(track: Track, seconds: float) -> float:
    """`seconds`, if they end. Raises RunError if the sender would wait for ever."""
    if math.isinf(seconds):
        complain(track)
    return seconds


def complain(track: Track) -> None:
    """Raise RunError: nothing can be sent, now or later."""
    raise RunError(f"the link carries nothing: its SNR is {track.snr[-1]:.3g} and will not change")
