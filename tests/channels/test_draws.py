"""Draws.during: the part of a realisation that a transfer sees."""

import math

import numpy as np
import pytest

from channels import AWGN, Draws


def three_blocks() -> Draws:
    return Draws(np.array([0.5, 2.0, 1.0]), np.array([5.0, 20.0, 10.0]), np.array([1.0, 2.0, 2.0]))


@pytest.mark.parametrize(
    ("seconds", "kept"),
    [(0.25, [0.25]), (1.0, [1.0]), (1.5, [1.0, 0.5]), (3.0, [1.0, 2.0]), (5.0, [1.0, 2.0, 2.0]), (0.0, [0.0])],
)
def test_the_last_block_is_cut(seconds: float, kept: list[float]) -> None:
    part = three_blocks().during(seconds)
    assert part.seconds.tolist() == kept
    assert part.snr.tolist() == [5.0, 20.0, 10.0][: len(kept)]
    assert part.gain.tolist() == [0.5, 2.0, 1.0][: len(kept)]


def test_the_whole_is_left_as_it_was() -> None:
    draws = three_blocks()
    draws.during(1.5)
    assert draws.seconds.tolist() == [1.0, 2.0, 2.0]


@pytest.mark.parametrize("seconds", [5.001, -0.1, math.nan, math.inf])
def test_beyond_the_realisation_is_an_error(seconds: float) -> None:
    with pytest.raises(ValueError, match=r"draws cover 5\.0 s"):
        three_blocks().during(seconds)


def test_rounding_of_the_callers_sums_is_forgiven() -> None:
    assert len(three_blocks().during(math.nextafter(5.0, 6.0)).seconds) == 3


def test_a_channel_that_never_changes_covers_any_time() -> None:
    draws = AWGN(snr_db=3.0).draws(17.0, 4, key=0)
    assert draws.seconds.tolist() == [math.inf]
    assert draws.during(1e9).seconds.tolist() == [1e9]
