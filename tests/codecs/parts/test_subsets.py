"""Codes for subsets: golden sizes, and numbers that come back as the subset they were made of."""

import itertools
import math

import pytest
import torch

from edgesim.codecs.parts.bits import pack, unpack
from edgesim.codecs.parts.subsets import bitmap_bits, enumerative_bits, list_bits, rank, unrank

DEIT_TINY = 197 * 192


def test_golden_sizes() -> None:
    """compression.md 2.4, a tenth of the features of DeiT-T."""
    assert list_bits(DEIT_TINY, 3782) == 60_512
    assert bitmap_bits(DEIT_TINY) == 37_824
    assert enumerative_bits(DEIT_TINY, 3782) == 17_731


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
    generator = torch.Generator().manual_seed(0)
    indices = torch.randperm(DEIT_TINY, generator=generator)[:kept].sort().values
    packed = pack(indices, 16)
    assert len(packed) == -(-list_bits(DEIT_TINY, kept) // 8)
    assert torch.equal(unpack(packed, 16, kept), indices)
    bitmap = torch.zeros(DEIT_TINY, dtype=torch.uint8).index_fill(0, indices, 1)
    packed = pack(bitmap, 1)
    assert len(packed) == -(-bitmap_bits(DEIT_TINY) // 8)
    assert torch.equal(unpack(packed, 1, DEIT_TINY).nonzero().flatten(), indices)
    number = rank(indices.tolist(), DEIT_TINY)
    assert number.bit_length() <= enumerative_bits(DEIT_TINY, kept)
    assert unrank(number, DEIT_TINY, kept) == indices.tolist()
