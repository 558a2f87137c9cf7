"""Bit packing: no gaps, nothing lost."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgesim.codecs.parts.bits import pack, packed_bytes, unpack


@settings(max_examples=150)
@given(bits=st.integers(0, 64), count=st.integers(0, 40), seed=st.integers(0, 9))
def test_round_trip(bits: int, count: int, seed: int) -> None:
    codes = np.random.default_rng(seed).integers(0, 2**bits - 1, count, np.uint64, endpoint=True)
    packed = pack(codes, bits)
    assert packed.dtype == np.uint8
    assert len(packed) == -(-count * bits // 8)
    assert (unpack(packed, bits, count) == codes).all()


def test_layout() -> None:
    """1, 2, 7 in three bits: 001 010 111, then zeros."""
    assert pack(np.array([[1, 2, 7]]), 3).tolist() == [0b00101011, 0b10000000]
    assert pack(np.array([0xABCD, 0x1234]), 16).tolist() == [0xAB, 0xCD, 0x12, 0x34]
    assert pack(np.array([0xABC, 0x123]), 12).tolist() == [0xAB, 0xC1, 0x23]


def test_ten_codes_of_three_bits_take_four_bytes() -> None:
    assert packed_bytes(10 * 3) == len(pack(np.zeros(10, np.int32), 3)) == 4


@pytest.mark.parametrize("code", [-1, 8])
def test_codes_that_do_not_fit_are_refused(code: int) -> None:
    with pytest.raises(ValueError, match="codes must lie in"):
        pack(np.array([1, code]), 3)


def test_a_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="10 codes of 3 bits take 4 bytes, got 5"):
        unpack(np.zeros(5, np.uint8), 3, 10)
