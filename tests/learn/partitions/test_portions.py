"""Whole numbers in proportion, against counting by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgesim.learn.partitions.portions import at_least, at_random, portions


def one_at_a_time(sizes: list[int], least: int) -> list[int]:
    """What `at_least` promises, by its own words."""
    sizes = list(sizes)
    for poor in range(len(sizes)):
        while sizes[poor] < least:
            rich = max(range(len(sizes)), key=lambda client: (sizes[client], client))
            sizes[rich] -= 1
            sizes[poor] += 1
    return sizes


@given(st.lists(st.integers(0, 40), min_size=1, max_size=12), st.integers(0, 6))
def test_raising_equals_moving_one_at_a_time(sizes: list[int], least: int) -> None:
    if len(sizes) * least > sum(sizes):
        with pytest.raises(ValueError, match="cannot have at least"):
            at_least(np.array(sizes), least)
    else:
        assert at_least(np.array(sizes), least).tolist() == one_at_a_time(sizes, least)


def test_hamilton_by_hand() -> None:
    """10 seats over 1:1:1 go 4, 3, 3; over 5.4 : 2.3 : 2.3 the fractions are .4 .3 .3, so the first gets the last seat."""
    assert portions(10, [1.0, 1.0, 1.0]).tolist() == [4, 3, 3]
    assert portions(10, [5.4, 2.3, 2.3]).tolist() == [6, 2, 2]
    assert portions(100, [2.0, 1.0, 1.0]).tolist() == [50, 25, 25]
    assert portions(10, [1000.0, 1.0]).tolist() == [9, 1]  # nobody is left without


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=20), st.integers(20, 10_000))
def test_quotas_are_kept_within_one(shares: list[float], count: int) -> None:
    sizes = portions(count, shares, 0)
    quotas = count * np.array(shares) / sum(shares)
    assert sizes.sum() == count
    assert np.all(np.abs(sizes - quotas) < 1.0 + 1e-6)


@pytest.mark.parametrize("shares", [[], [1.0, 0.0], [1.0, -1.0], [np.inf], [np.nan]])
def test_impossible_shares(shares: list[float]) -> None:
    with pytest.raises(ValueError, match="positive and finite"):
        portions(10, shares)


def test_a_city_is_cut_up_at_once() -> None:
    """100 000 clients, a few of them starved by the others: no step for each client in Python."""
    shares = np.ones(100_000)
    shares[::7] = 1e-9
    sizes = portions(3_000_000, shares, least=5)
    assert (sizes.sum(), sizes.min()) == (3_000_000, 5)


def test_dealing_is_keyed_by_seed_and_clients() -> None:
    sizes = np.array([30, 40])
    first, again, other = (at_random(70, sizes, seed) for seed in (0, 0, 1))
    assert [rows.tolist() for rows in first] == [rows.tolist() for rows in again]
    assert [rows.tolist() for rows in first] != [rows.tolist() for rows in other]
    assert [len(rows) for rows in first] == [30, 40]
    assert sorted(np.concatenate(first)) == list(range(70))
