"""Bit packing: no gaps, nothing lost."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgesim.codecs.parts.bits import pack, packed_bytes, unpack


@settings(max_examples=100, deadline=None)
@given(bits=st.integers(0, 32), count=st.integers(0, 40), seed=st.integers(0, 9))
def test_round_trip(bits: int, count: int, seed: int) -> None:
    codes = torch.randint(2**bits, (count,), generator=torch.Generator().manual_seed(seed))
    packed = pack(codes, bits)
    assert packed.dtype == torch.uint8
    assert len(packed) == -(-count * bits // 8)
    assert torch.equal(unpack(packed, bits, count), codes)


def test_layout() -> None:
    """1, 2, 7 in three bits: 001 010 111, then zeros."""
    assert pack(torch.tensor([[1, 2, 7]]), 3).tolist() == [0b00101011, 0b10000000]
    assert pack(torch.tensor([0xABCD, 0x1234]), 16).tolist() == [0xAB, 0xCD, 0x12, 0x34]


def test_ten_codes_of_three_bits_take_four_bytes() -> None:
    assert packed_bytes(10, 3) == len(pack(torch.zeros(10, dtype=torch.int32), 3)) == 4


@pytest.mark.parametrize("code", [-1, 8])
def test_codes_that_do_not_fit_are_refused(code: int) -> None:
    with pytest.raises(ValueError, match="codes must lie in"):
        pack(torch.tensor([1, code]), 3)


def test_a_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="10 codes of 3 bits take 4 bytes, got 5"):
        unpack(torch.zeros(5, dtype=torch.uint8), 3, 10)
