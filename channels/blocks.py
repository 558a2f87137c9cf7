"""Blocks of constant gain, numbered by absolute time.

The gain of a block is a pure function of (key, block number): blocks are drawn in chunks, each chunk by its own counter-based
generator (Philox: Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011), so that no order of queries matters.
"""

import math
from collections.abc import Callable
from functools import cache

import numpy as np

from channels.draws import Draws

Law = Callable[[np.random.Generator, int], np.ndarray]  # generator, n -> n independent gains |h|^2 of mean 1
Source = Callable[[int, int], np.ndarray]  # key, number of a chunk -> what its blocks have, [..., CHUNK]
CHUNK = 512  # blocks drawn together; larger is faster for long transfers, smaller for scattered ones
KEPT = 1024  # chunks remembered; 4 KiB each for a gain
FINEST = 16.0  # float64 steps that a block must span for its boundaries to be told apart


@cache
def constant(gain: float, snr: float) -> Draws:
    """A channel that never changes: one block without end. The same object every time, and read-only."""
    draws = Draws(np.array([gain]), np.array([snr]), np.array([math.inf]))
    for array in draws:
        array.flags.writeable = False
    return draws


def stream(key: int, number: int, purpose: int = 0) -> np.random.Generator:
    """The random stream of one chunk of a link; `purpose` tells apart what is drawn for the same chunk.

    The counter's low word counts the numbers drawn, the next one the chunk: no two chunks can overlap. Chunks may be negative.
    """
    counter = np.array([0, number % (1 << 64), 0, purpose], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


def independent(law: Law) -> Source:
    """Blocks that know nothing of each other."""

    def chunk(key: int, number: int) -> np.ndarray:
        return law(stream(key, number), CHUNK)

    return chunk


class Blocks:
    """What the blocks of a link have. Block k lasts from k T to (k+1) T in absolute time.

    source    what the blocks of a chunk have: must be a pure function
    length_s  T [s]; inf: block 0 lasts for ever
    kept      chunks remembered
    """

    def __init__(self, source: Source, length_s: float, kept: int = KEPT) -> None:
        self._source = source
        self._length_s = float(length_s)
        self._kept = kept
        self._chunks: dict[tuple[int, int], np.ndarray] = {}

    def look(self, start_s: float, blocks: int, key: int) -> tuple[np.ndarray, np.ndarray]:
        """What `blocks` blocks from `start_s` [s] on have, [..., blocks], and their lengths [s], [blocks].

        Exactly one block, without end, if nothing ever changes. Raises ValueError for a start that is negative or not finite,
        fewer than one block, a negative key, and blocks too short for float64 to resolve at that time.
        """
        if not (0.0 <= start_s < math.inf and blocks >= 1 and key >= 0):
            raise ValueError(f"need 0 <= start_s < inf, blocks >= 1 and key >= 0; got {start_s}, {blocks}, {key}")
        if math.isinf(self._length_s):
            return self._range(0, 1, key), np.array([math.inf])
        first = self._block(start_s, blocks)
        if blocks == 1:  # as most packets ask: four times as fast
            return self._range(first, 1, key), np.array([(first + 1) * self._length_s - start_s])
        ends = np.arange(first + 1, first + blocks + 1) * self._length_s
        seconds = ends.copy()
        seconds[1:] -= ends[:-1]
        seconds[0] -= start_s
        return self._range(first, blocks, key), seconds

    def _block(self, time_s: float, blocks: int) -> int:
        """The block whose boundaries k T, (k+1) T, as float64 rounds them, enclose `time_s`; never one that has just ended."""
        length = self._length_s
        if length < FINEST * math.ulp(time_s + blocks * length):
            raise ValueError(f"blocks of {length} s cannot be resolved at {time_s} s: use longer blocks or an earlier start")
        block = math.floor(time_s / length)  # the quotient is rounded too and may be off by one at a boundary
        if (block + 1) * length <= time_s:
            return block + 1
        return block - 1 if block * length > time_s else block

    def _range(self, first: int, blocks: int, key: int) -> np.ndarray:
        """What the blocks first ... first + blocks - 1 have, [..., blocks]."""
        chunk, offset = divmod(first, CHUNK)
        last = (first + blocks - 1) // CHUNK
        if chunk == last:
            return self._chunk(key, chunk)[..., offset : offset + blocks]
        drawn = np.concatenate(
            [self._chunk(key, number) for number in range(chunk, last + 1)], axis=-1
        )  # [..., chunks * CHUNK]
        return drawn[..., offset : offset + blocks]

    def _chunk(self, key: int, number: int) -> np.ndarray:
        """What the blocks of one chunk have, [..., CHUNK], read-only."""
        known = self._chunks.get((key, number))
        if known is not None:
            return known
        drawn = self._source(key, number)
        drawn.flags.writeable = False
        if len(self._chunks) >= self._kept:
            del self._chunks[next(iter(self._chunks))]  # the oldest
        self._chunks[key, number] = drawn
        return drawn


class Fading:
    """Draws of a fading channel.

    source   gains |h|^2 of mean 1, [CHUNK] a chunk
    snr      mean linear SNR
    block_s  length of a block [s]; inf: the gain never changes
    """

    def __init__(self, source: Source, snr: float, block_s: float) -> None:
        self._snr = snr
        self._blocks = Blocks(source, block_s)

    def draws(self, start_s: float, blocks: int, key: int) -> Draws:
        """`blocks` blocks from `start_s` [s] on for the link `key`; see `Blocks.look`."""
        gains, seconds = self._blocks.look(start_s, blocks, key)
        return Draws(gains, with_noise(gains, self._snr), seconds)


class BlockFading:
    """Draws of a block-fading channel: independent gains, constant for `coherence_s` seconds each.

    law          the law of the gain; must draw from the generator it is given and from nothing else
    snr          mean linear SNR
    coherence_s  T, block length [s]; inf: the gain never changes
    """

    def __init__(self, law: Law, snr: float, coherence_s: float) -> None:
        if not coherence_s > 0.0:
            raise ValueError(f"coherence_s must be positive, got {coherence_s}")
        self._fading = Fading(independent(law), snr, coherence_s)

    def draws(self, start_s: float, blocks: int, key: int) -> Draws:
        """`blocks` blocks from `start_s` [s] on for the link `key`; see `Blocks.look`."""
        return self._fading.draws(start_s, blocks, key)


def with_noise(gains: np.ndarray, snr: float) -> np.ndarray:
    """The SNR of blocks with `gains` at mean SNR `snr`, [blocks]: infinite without noise, however deep the fade."""
    return np.full_like(gains, math.inf) if math.isinf(snr) else gains * snr
