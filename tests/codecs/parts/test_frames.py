"""Codes of mixed widths become bits and come back."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator

from edgesim.codecs.parts.frames import from_bits, to_bits


def test_bits_are_planes_from_the_widest_column() -> None:
    """Columns of 1, 3 and 2 bits: first bits of the columns 3, 2, 1 bits wide, then second bits, then the third."""
    codes = torch.tensor([[1, 0b101, 0b10], [0, 0b011, 0b01]], dtype=torch.int32)
    bits = to_bits(codes, torch.tensor([1, 3, 2]), 6)
    assert bits.tolist() == [[1, 1, 1, 0, 0, 1], [0, 0, 0, 1, 1, 1]]


@given(widths=st.lists(st.integers(0, 15), min_size=1, max_size=9), spare=st.integers(0, 5), seed=st.integers(0, 99))
@settings(max_examples=60)
def test_every_code_returns(widths: list[int], spare: int, seed: int) -> None:
    sizes = torch.tensor(widths)
    codes = (torch.rand(4, len(widths), generator=Generator().manual_seed(seed)) * 2.0**sizes).int()
    bits = to_bits(codes, sizes, sum(widths) + spare)
    assert bits.shape == (4, sum(widths) + spare)
    assert torch.equal(from_bits(bits, sizes), codes)


def test_a_frame_that_is_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="7 bits a row do not fit into a frame of 6"):
        to_bits(torch.zeros(1, 2, dtype=torch.int32), torch.tensor([3, 4]), 6)
