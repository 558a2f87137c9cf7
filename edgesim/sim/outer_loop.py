"""Outer-loop link adaptation: the report is corrected by what failed, so that a wanted share fails whatever its error.

Scalars only: every group of packets depends on the one before, and an array of one element costs as much as one of hundreds.
"""

import math
from bisect import bisect_right

import numpy as np

from edgesim.sim.bursts import Burst, Run, Sender, spread, wait
from edgesim.sim.track import Track, decibels

REPORTED = 16  # packets between two steps of the outer loop: acknowledgements come in groups
UP_DB = 1.0 / REPORTED  # step on a failure: 1 dB if a whole group fails. With 1 dB each a group would go 16 dB too far
MOST_MARGIN_DB = 20.0  # the outer loop's limit either way (phy.md 6.5)


def corrected(sizes: np.ndarray, start_s: float, track: Track, sender: Sender, luck: np.ndarray) -> Burst:
    """Packets of `sizes` bits at the rate that the reported SNR less a margin allowed when they began.

    margin += step on a failure and -= step target / (1 - target) on a success, in dB (Sampath et al. 1997), from 0 at the
    beginning of the burst. What is lost in the air whatever its SNR is not heard.

    luck  [packets] a packet fails at its first attempt if this is below the chance of it
    """
    size, count = int(sizes[0]), len(sizes)
    ear, numbers = _Ear(size, track, sender), luck.tolist()
    runs: list[Run] = []
    pick = sender.coding.pick
    right = UP_DB * sender.target_bler / (1.0 - sender.target_bler)
    now, sent, margin, silent_s = start_s, 0, 0.0, 0.0
    block, until = 0, -math.inf
    while sent < count:
        if until <= now:
            block = ear.block(now - sender.csi_delay_s, block)
            until, level_db = ear.until[block] + sender.csi_delay_s, decibels(ear.snr[block])
            block += until <= now  # by rounding
            continue
        scheme, efficiency = pick(level_db - margin)
        if efficiency == 0.0:
            silent_s += wait(track, until - now)
            now = until
            continue
        rate = efficiency * sender.bandwidth_hz
        fit = REPORTED if count - sent > REPORTED else count - sent
        end = now + fit * size / rate
        if end > until:
            fit = min(fit, math.ceil((until - now) * rate / size) or 1)
            end = now + fit * size / rate
        runs.append((now, fit, scheme, rate))
        wrong = ear.wrong(now, end, numbers[sent : sent + fit], scheme, rate)
        margin += UP_DB * wrong - right * (fit - wrong)
        if not -MOST_MARGIN_DB <= margin <= MOST_MARGIN_DB:
            margin = math.copysign(MOST_MARGIN_DB, margin)
        now, sent = end, sent + fit
    return spread(runs, sizes, sender.bandwidth_hz, silent_s)


class _Ear:
    """What the sender hears of packets of `size` bits.

    snr, until  of each block of the channel: linear SNR, and when it ends [s]
    """

    def __init__(self, size: int, track: Track, sender: Sender) -> None:
        self._size, self._track, self._sender = size, track, sender
        self._known: dict[tuple[int, int], float] = {}  # chance of failing by scheme and block
        self._at = 0  # the block met last
        self._read()

    def _read(self) -> None:
        self.snr, self.until = self._track.snr.tolist(), self._track.edges[1:].tolist()

    def block(self, time_s: float, after: int) -> int:
        """Number of the block at `time_s`, which is at least `after`."""
        while True:
            block = bisect_right(self.until, time_s, min(after, len(self.until)))
            if block < len(self.until):
                return block
            self._track.more()
            self._read()

    def wrong(self, begin: float, end: float, luck: list[float], scheme: int, rate: float) -> int:
        """How many of the packets that are sent from `begin` to `end` [s] and have this luck fail."""
        at = self._at
        if begin >= self.until[at]:
            at = self._at = self.block(begin, at)
        inside, each = len(luck), self._size / rate
        if end > self.until[at]:
            inside = int((self.until[at] - begin) / each)
        chance = self._known.get((scheme, at))
        failed = sum(map((self._inside(scheme, at, rate) if chance is None else chance).__gt__, luck[:inside]))
        for number in range(inside, len(luck)):
            failed += luck[number] < self._chance(begin + number * each, each, scheme, rate)
        return failed

    def _inside(self, scheme: int, block: int, rate: float) -> float:
        """The chance of a packet that sees one block."""
        chance = self._known.get((scheme, block))
        if chance is None:
            coding, symbols = self._sender.coding, self._size * self._sender.bandwidth_hz / rate
            told, variance = coding.told(scheme, self.snr[block])
            chance = coding.risk(scheme, self._size, symbols, told * symbols, variance * symbols)
            self._known[scheme, block] = chance
        return chance

    def _chance(self, begin: float, seconds: float, scheme: int, rate: float) -> float:
        """The chance of a packet that may see several blocks."""
        block, end = self.block(begin, self._at), begin + seconds
        if end <= self.until[block]:
            return self._inside(scheme, block, rate)
        coding, symbols = self._sender.coding, self._size * self._sender.bandwidth_hz / rate
        sum_told = sum_variance = 0.0
        while begin < end:
            upto = min(end, self.until[block])
            told, variance = coding.told(scheme, self.snr[block])
            sum_told += told * (upto - begin) / seconds * symbols
            sum_variance += variance * (upto - begin) / seconds * symbols
            begin = upto
            if begin < end:
                block = self.block(begin, block + 1)
        return coding.risk(scheme, self._size, symbols, sum_told, sum_variance)
