"""Seeds are the same on every machine, for ever: a results folder of today can be run again in years."""

import pytest

from edgesim.rng import seed


def test_a_seed_is_half_of_the_digest_that_any_tool_gives() -> None:
    r"""printf '\0\0\0\0010\0\0\0\6fading\0\0\0\7client0\0\0\0\2up' | sha256sum begins with these sixteen digits."""
    assert seed(0, "fading", "client0", "up") == 0x2751A35B8BA7D837 >> 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((0, "ab", "c"), (0, "a", "bc")),
        ((0, "a", "b"), (0, "b", "a")),
        ((1, "a"), (2, "a")),
        ((12, "a"), (1, "2", "a")),
        ((0, "a"), (0, "a", "")),
        ((0, "client", 1), (0, "client", 11)),
    ],
)
def test_other_names_give_another_stream(one: tuple[int, str], other: tuple[int, str]) -> None:
    assert seed(*one) != seed(*other)


def test_seeds_fill_63_bits() -> None:
    """Every bit is set in half of 400 seeds, give or take 4.5 sigma; what torch and Philox take is positive."""
    seeds = [seed(0, "bits", number) for number in range(400)]
    assert min(seeds) >= 0
    for bit in range(63):
        assert abs(sum(value >> bit & 1 for value in seeds) - 200) <= 4.5 * 10
    assert max(seeds) < 2**63
