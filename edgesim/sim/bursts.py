"""Packets sent back to back: when each begins and ends, and by which scheme it is sent."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from edgesim.errors import RunError
from edgesim.sim.coding import Coding
from edgesim.sim.track import Track

REPORTED = 16  # packets between two steps of the outer loop: acknowledgements come in groups
UP_DB = 1.0 / REPORTED  # step on a failure: 1 dB if a whole group fails. With 1 dB each a group would go 16 dB too far
MOST_MARGIN_DB = 20.0  # the outer loop's limit either way (phy.md 6.5)


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


Failing = Callable[[slice, Burst], np.ndarray]  # packets, how they were sent -> which of them fail, [packets] bool


@dataclass(frozen=True, slots=True)
class Sender:
    """The sending side of a link.

    bandwidth_hz  symbol rate [Hz]
    csi_delay_s   age of the SNR by which a packet's rate is chosen when it begins [s]
    follows       the rate follows the channel within a packet, without delay: nothing is lost for want of SNR
    outer_loop    correct the choice by what failed, towards a share `target_bler` of failures
    """

    coding: Coding
    bandwidth_hz: float
    csi_delay_s: float = 0.0
    follows: bool = False
    outer_loop: bool = False
    target_bler: float = 0.1


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
            _complain(track)
        inside = np.maximum(track.edges, start_s)
        lengths = np.diff(inside)
        sent = np.concatenate([[0.0], np.cumsum(np.where(lengths > 0.0, rates * lengths, 0.0))])  # bits out by each edge
        if sent[-1] >= total:
            break
        track.reach(float(track.edges[-1]))
    upto = np.cumsum(sizes).astype(np.float64)
    block = np.maximum(np.searchsorted(sent, upto, side="left") - 1, 0)
    ends = inside[block] + (upto - sent[block]) / rates[block]
    starts = np.concatenate([[start_s], ends[:-1]])
    return Burst(starts, ends, np.zeros(len(sizes), dtype=np.int64), (ends - starts) * sender.bandwidth_hz)


def adaptive(sizes: np.ndarray, start_s: float, track: Track, sender: Sender, failing: Failing) -> Burst:
    """Packets of `sizes` bits, each at the rate that the reported SNR allowed when it began.

    failing  tells which packets will not be decoded; heard only by the outer loop: margin += step on a failure and
             -= step target / (1 - target) on a success, in dB (Sampath et al. 1997), from 0 at the beginning of the burst
    """
    count = len(sizes)
    before = np.concatenate([[0.0], np.cumsum(sizes)])  # [packets + 1] bits before each packet
    starts, ends, scheme = np.empty(count), np.empty(count), np.empty(count, dtype=np.int64)
    now, sent, silent, margin = start_s, 0, 0.0, 0.0
    block = track.block(now - sender.csi_delay_s)
    choice, first = sender.coding.choose(track.snr), 0  # of the blocks from `first` on
    while sent < count:
        if block >= len(track.snr):
            track.reach(float(track.edges[-1]))
            choice, first = sender.coding.choose(track.snr), 0
        if sender.outer_loop:  # the margin may have changed: look at this block alone
            choice, first = sender.coding.choose(track.snr[block : block + 1], margin), block
        until = float(track.edges[block + 1]) + sender.csi_delay_s
        if until <= now:
            block += 1
            continue
        rate = float(choice.efficiency[block - first]) * sender.bandwidth_hz
        if rate == 0.0:
            if math.isinf(until):
                _complain(track)
            now, silent, block = until, silent + until - now, block + 1
            continue
        upto = _begun(before, sent, (until - now) * rate)
        if sender.outer_loop:
            upto = min(upto, sent + REPORTED)
        part = slice(sent, upto)
        ends[part] = now + (before[sent + 1 : upto + 1] - before[sent]) / rate
        starts[part] = np.concatenate([[now], ends[sent : upto - 1]])
        scheme[part] = choice.scheme[block - first]
        if sender.outer_loop:
            symbols = (ends[part] - starts[part]) * sender.bandwidth_hz
            heard = failing(part, Burst(starts[part], ends[part], scheme[part], symbols))
            margin = _corrected(margin, heard, sender.target_bler)
        now, sent = float(ends[upto - 1]), upto
    return Burst(starts, ends, scheme, (ends - starts) * sender.bandwidth_hz, silent)


def _begun(before: np.ndarray, sent: int, bits: float) -> int:
    """How many packets have begun when `bits` more bits are out."""
    if math.isinf(bits):
        return len(before) - 1
    return max(sent + 1, min(len(before) - 1, int(np.searchsorted(before, before[sent] + bits, side="left"))))


def _corrected(margin: float, failed: np.ndarray, target: float) -> float:
    """The outer loop's margin [dB] after a report of `failed` [packets] bool."""
    wrong = int(failed.sum())
    margin += UP_DB * (wrong - (len(failed) - wrong) * target / (1.0 - target))
    return max(-MOST_MARGIN_DB, min(MOST_MARGIN_DB, margin))


def _complain(track: Track) -> None:
    raise RunError(f"the link carries nothing: its SNR is {track.snr[-1]:.3g} and will not change")
