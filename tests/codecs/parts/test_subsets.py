"""Codes for subsets: golden sizes, and numbers that come back as the subset they were made of."""

import itertools
import math

import pytest
import torch

from edgesim.codecs.parts.pack import Reader, written
from edgesim.codecs.parts.subsets import bitmap_bits, enumerative_bits, list_bits, rank, unrank
from edgesim.wire import Field, Subset

DEIT_TINY = 197 * 192


def test_golden_sizes() -> None:
    """compression.md 2.4, a tenth of the features of DeiT-T."""
    assert list_bits(DEIT_TINY, 3782) == 60_512
    assert bitmap_bits(DEIT_TINY) == 37_824
    assert enumerative_bits(DEIT_TINY, 3782) == 17_731


def test_the_least_bits_are_those_of_whole_numbers() -> None:
    """binom(D, 1) is an integer power of two for some D, where a logarithm alone cannot tell."""
    pairs = [(total, kept) for total in range(1, 80) for kept in range(total + 1)]
    pairs += [(2**power + more, 1) for power in range(1, 20) for more in (-1, 0, 1)] + [(75_648, 7_565), (37_824, 18_912)]
    assert all(enumerative_bits(*pair) == (math.comb(*pair) - 1).bit_length() for pair in pairs)


@pytest.mark.parametrize(("total", "kept"), [(1, 0), (1, 1), (6, 0), (6, 1), (6, 3), (6, 6), (9, 4)])
def test_every_subset_has_its_own_number(total: int, kept: int) -> None:
    subsets = [list(subset) for subset in itertools.combinations(range(total), kept)]
    numbers = [rank(subset, total) for subset in subsets]
    assert sorted(numbers) == list(range(math.comb(total, kept)))
    assert [unrank(number, total, kept) for number in numbers] == subsets
    assert max(numbers).bit_length() <= enumerative_bits(total, kept)


def test_numbers_follow_the_combinatorial_number_system() -> None:
    """sum_j binom(i_j, j): 1 + 3 + 10 for {1, 3, 5}."""
    assert rank([5, 1, 3], 6) == math.comb(1, 1) + math.comb(3, 2) + math.comb(5, 3)


@pytest.mark.parametrize("number", [-1, 15])
def test_numbers_of_no_subset_are_refused(number: int) -> None:
    with pytest.raises(ValueError, match="15 subsets of 2 out of 6"):
        unrank(number, 6, 2)


def test_a_real_sample_survives_all_three_codes() -> None:
    """DeiT-T, one per cent: list, bitmap and number each give the indices back from as many bits as they are charged."""
    kept = 378
    indices = torch.randperm(DEIT_TINY, generator=torch.Generator().manual_seed(0))[:kept].sort().values[None]
    some = Subset(DEIT_TINY, kept)
    for field, bits in [
        (Field("indices", (1, kept), 16, "side"), list_bits(DEIT_TINY, kept)),
        (Field("indices", (1,), bitmap_bits(DEIT_TINY), "side", form=some), DEIT_TINY),
        (Field("indices", (1,), enumerative_bits(DEIT_TINY, kept), "side", form=some), 3049),
    ]:
        assert field.bits == bits
        data = written([field], {"indices": indices})
        assert len(data) == -(-bits // 8)
        assert torch.equal(Reader(data).peek([field])[0], indices)
