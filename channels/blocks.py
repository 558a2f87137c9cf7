"""Block fading: the gain is constant within a coherence block and independent from one block to the next.

The gain of a block is a pure function of (key, block number): blocks are drawn in chunks, each chunk by its own counter-based
generator (Philox: Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011), so that no order of queries matters.
"""

import math
from collections.abc import Callable

import numpy as np

from channels.base import Draws

Law = Callable[[np.random.Generator, int], np.ndarray]  # generator, n -> n independent gains |h|^2 of mean 1
CHUNK = 512  # blocks drawn together; larger is faster for long transfers, smaller for scattered ones
KEPT = 1024  # chunks remembered; 4 KiB each
FINEST = 16.0  # float64 steps that a block must span for its boundaries to be told apart


def constant(gain: float, snr: float) -> Draws:
    """A channel that never changes: one block without end."""
    return Draws(np.array([gain]), np.array([snr]), np.array([math.inf]))


class BlockFading:
    """Draws of a block-fading channel. Block k of a link lasts from k T to (k+1) T in absolute time.

    law          the law of the gain; must draw from the generator it is given and from nothing else
    snr          mean linear SNR
    coherence_s  T, block length [s]; inf: the gain never changes
    """

    def __init__(self, law: Law, snr: float, coherence_s: float) -> None:
        if not coherence_s > 0.0:
            raise ValueError(f"coherence_s must be positive, got {coherence_s}")
        self._law = law
        self._snr = snr
        self._coherence_s = float(coherence_s)
        self._chunks: dict[tuple[int, int], np.ndarray] = {}

    def draws(self, start_s: float, blocks: int, key: int) -> Draws:
        """`blocks` blocks from `start_s` [s] on for the link `key`; exactly one, without end, if the gain never changes.

        Raises ValueError for a start that is negative or not finite, fewer than one block, a negative key, and blocks too short
        for float64 to resolve at that time.
        """
        if not (0.0 <= start_s < math.inf and blocks >= 1 and key >= 0):
            raise ValueError(f"need 0 <= start_s < inf, blocks >= 1 and key >= 0; got {start_s}, {blocks}, {key}")
        if math.isinf(self._coherence_s):
            gain = float(self._gains(0, 1, key)[0])
            return constant(gain, gain * self._snr)
        first = self._block(start_s, blocks)
        ends = np.arange(first + 1, first + blocks + 1) * self._coherence_s
        seconds = ends.copy()
        seconds[1:] -= ends[:-1]
        seconds[0] -= start_s
        gains = self._gains(first, blocks, key)
        return Draws(gains, gains * self._snr, seconds)

    def _block(self, time_s: float, blocks: int) -> int:
        """The block whose boundaries k T, (k+1) T, as float64 rounds them, enclose `time_s`; never one that has just ended."""
        length = self._coherence_s
        if length < FINEST * math.ulp(time_s + blocks * length):
            raise ValueError(f"coherence_s {length} cannot be resolved at {time_s} s: use longer blocks or an earlier start")
        block = math.floor(time_s / length)  # the quotient is rounded too and may be off by one at a boundary
        if (block + 1) * length <= time_s:
            return block + 1
        return block - 1 if block * length > time_s else block

    def _gains(self, first: int, blocks: int, key: int) -> np.ndarray:
        """Gains of the blocks first ... first + blocks - 1, [blocks]."""
        chunk, offset = divmod(first, CHUNK)
        last = (first + blocks - 1) // CHUNK
        if chunk == last:
            return self._chunk(key, chunk)[offset : offset + blocks]
        drawn = np.concatenate([self._chunk(key, number) for number in range(chunk, last + 1)])  # [chunks * CHUNK]
        return drawn[offset : offset + blocks]

    def _chunk(self, key: int, number: int) -> np.ndarray:
        """Gains of the blocks of one chunk, [CHUNK], read-only."""
        known = self._chunks.get((key, number))
        if known is not None:
            return known
        # The counter's low word counts the numbers drawn, the next one the chunk: no two chunks can overlap.
        generator = np.random.Generator(np.random.Philox(key=key, counter=[0, number, 0, 0]))
        gains = self._law(generator, CHUNK)
        gains.flags.writeable = False
        if len(self._chunks) >= KEPT:
            del self._chunks[next(iter(self._chunks))]  # the oldest
        self._chunks[key, number] = gains
        return gains
