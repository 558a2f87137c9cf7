"""Block fading as a function of absolute time: boundaries, order, independence."""

import math

import numpy as np
import pytest

from channels.blocks import CHUNK, KEPT, BlockFading

SIGMA = 4.5


def exponential(coherence_s: float = 0.01, snr: float = 10.0) -> BlockFading:
    return BlockFading(np.random.Generator.standard_exponential, snr, coherence_s)


def counted(coherence_s: float) -> BlockFading:
    """Each block's gain says where in its chunk it is: shows which block an instant falls into."""
    return BlockFading(lambda generator, blocks: np.arange(float(blocks)), 1.0, coherence_s)


@pytest.mark.parametrize("coherence_s", [0.01, 0.1, 1.0 / 3.0, 7e-4, 1e-6, 2.5])
def test_a_boundary_begins_a_whole_block(coherence_s: float) -> None:
    """k T as float64 rounds it belongs to block k, its predecessor to block k - 1: no zero and no negative length."""
    fading = counted(coherence_s)
    for block in [*range(1, 300), 10_007, 999_999]:
        boundary = block * coherence_s
        at = fading.draws(boundary, 2, key=0)
        assert at.gain.tolist() == [block % CHUNK, (block + 1) % CHUNK]
        np.testing.assert_allclose(at.seconds, coherence_s, rtol=1e-9)
        before = fading.draws(math.nextafter(boundary, 0.0), 2, key=0)
        assert before.gain[0] == (block - 1) % CHUNK
        assert 0.0 < before.seconds[0] <= math.ulp(boundary)


def test_the_first_block_is_what_is_left_of_it() -> None:
    draws = counted(0.5).draws(1.125, 3, key=0)
    assert draws.gain.tolist() == [2.0, 3.0, 4.0]
    assert draws.seconds.tolist() == [0.375, 0.5, 0.5]


@pytest.mark.parametrize("start_s", [0.0, 0.0123, 3.999999999, 1e6, 1e6 + 0.00999])
def test_blocks_tile_time(start_s: float) -> None:
    draws = exponential().draws(start_s, 1000, key=0)
    assert (draws.seconds > 0.0).all()
    assert (draws.seconds <= 0.01 * (1.0 + 1e-7)).all()
    np.testing.assert_allclose(draws.seconds[1:], 0.01, rtol=1e-7)
    last = math.floor(start_s / 0.01 + 1e-9) + 1000
    assert start_s + draws.seconds.sum() == pytest.approx(last * 0.01, rel=1e-15, abs=1e-12)


def test_walking_block_by_block_visits_each_once() -> None:
    fading = exponential(0.1)
    whole = fading.draws(0.0, 2000, key=3)
    now, seen = 0.0, []
    for _ in range(2000):
        one = fading.draws(now, 1, key=3)
        seen.append(one.gain[0])
        now += one.seconds[0]
    assert seen == whole.gain.tolist()


def test_values_do_not_depend_on_the_order_of_queries() -> None:
    """Neither on what was asked before, nor on the range, nor on what a small memory has forgotten."""
    fading, fresh = exponential(), exponential()
    starts = np.random.Generator(np.random.PCG64(0)).uniform(0.0, 1e6, 300)
    first = [fading.draws(start, 1, key=1).gain[0] for start in starts]
    for key in range(2, KEPT + 10):
        fading.draws(0.0, 1, key)
    assert [fading.draws(start, 1, key=1).gain[0] for start in starts] == first
    assert [fresh.draws(start, 40, key=1).gain[0] for start in starts[::-1]] == first[::-1]


def test_ranges_across_chunks_agree_with_single_blocks() -> None:
    fading = exponential()
    many = fading.draws(0.005, 3 * CHUNK, key=8)
    for block in (0, CHUNK - 1, CHUNK, 2 * CHUNK + 5, 3 * CHUNK - 1):
        assert fading.draws((block + 0.5) * 0.01, 1, key=8).gain[0] == many.gain[block]


def test_blocks_and_links_are_independent() -> None:
    """Correlation of n independent pairs has standard deviation 1/sqrt(n)."""
    n = 100_000
    fading = exponential()
    own, other = fading.draws(0.0, n, key=1).gain, fading.draws(0.0, n, key=2).gain
    for lag in (1, 2, CHUNK - 1, CHUNK):
        assert abs(np.corrcoef(own[:-lag], own[lag:])[0, 1]) <= SIGMA / math.sqrt(n - lag)
    assert abs(np.corrcoef(own, other)[0, 1]) <= SIGMA / math.sqrt(n)


def test_every_bit_of_a_key_counts() -> None:
    keys = [0, *(1 << bit for bit in range(63)), (1 << 63) - 1]
    assert len({exponential().draws(0.0, 1, key).gain[0] for key in keys}) == len(keys)


def test_snr_is_gain_times_mean_snr() -> None:
    draws = exponential(snr=7.0).draws(0.0, 50, key=0)
    np.testing.assert_array_equal(draws.snr, draws.gain * 7.0)


def test_an_infinite_block() -> None:
    draws = exponential(math.inf).draws(123.0, 9, key=4)
    assert draws.seconds.tolist() == [math.inf]
    assert draws.gain[0] == exponential(math.inf).draws(0.0, 1, key=4).gain[0]


def test_what_was_drawn_cannot_be_overwritten() -> None:
    with pytest.raises(ValueError, match="read-only"):
        exponential().draws(0.0, 1, key=0).gain[0] = 1.0


@pytest.mark.parametrize(
    ("start_s", "blocks", "key"), [(-1e-9, 1, 0), (math.nan, 1, 0), (math.inf, 1, 0), (0.0, 0, 0), (0.0, 1, -1)]
)
def test_impossible_questions_are_refused(start_s: float, blocks: int, key: int) -> None:
    with pytest.raises(ValueError, match="start_s"):
        exponential().draws(start_s, blocks, key)


def test_blocks_too_short_for_the_clock_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be resolved"):
        exponential(1e-12).draws(1e6, 1, key=0)


@pytest.mark.parametrize("coherence_s", [0.0, -1.0, math.nan])
def test_a_coherence_time_must_be_positive(coherence_s: float) -> None:
    with pytest.raises(ValueError, match="coherence_s"):
        exponential(coherence_s)
