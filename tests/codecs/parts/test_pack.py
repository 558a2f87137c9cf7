"""Messages as bytes: layouts by hand, every form of entry, and what is refused."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from edgesim.codecs.parts.pack import Reader, in_order, packed_field, unpacked_field, written
from edgesim.wire import Field, Manifest, Subset


def test_fields_follow_each_other_without_gaps_side_information_first() -> None:
    """Side 101, label 01, then the codes 3, 0, 1 in two bits: 101 01 11|00 01 0..."""
    values = Field("values", (3,), 2, "values")
    label = Field("labels", (1,), 2, "labels")
    side = Field("mask", (3,), 1, "side")
    tensors = {
        "values": torch.tensor([3, 0, 1]),
        "labels": torch.tensor([1]),
        "mask": torch.tensor([1, 0, 1], dtype=torch.uint8),
    }
    assert [item.name for item in in_order([values, label, side])] == ["mask", "labels", "values"]
    data = written([values, label, side], tensors)
    assert data == bytes([0b10101110, 0b00100000])
    assert len(data) == Manifest((values, label, side)).octets
    reader = Reader(data)
    assert [tensor.tolist() for tensor in reader.peek([side])] == [[1, 0, 1]]
    assert [tensor.tolist() for tensor in reader.peek([side, label, values])] == [[1, 0, 1], [1], [3, 0, 1]]


@pytest.mark.parametrize(
    ("value", "bits", "form", "octets"),
    [
        (torch.tensor([1.0]), 32, None, [0x3F, 0x80, 0, 0]),  # sign 0, exponent 127, no fraction
        (torch.tensor([-2.0], dtype=torch.float16), 16, "float", [0xC0, 0]),  # sign 1, exponent 16 of bias 15
        (torch.tensor([1.0], dtype=torch.bfloat16), 16, "bfloat", [0x3F, 0x80]),  # the upper half of a float32
        (torch.tensor([0.5], dtype=torch.float64), 64, "float", [0x3F, 0xE0, 0, 0, 0, 0, 0, 0]),
        (torch.tensor([2**32 - 1]), 32, "unsigned", [255, 255, 255, 255]),
    ],
)
def test_entries_are_most_significant_bit_first(value: Tensor, bits: int, form: str, octets: list[int]) -> None:
    item = Field("values", (1,), bits, "values", form=form)
    assert packed_field(item, value).tolist() == octets
    back = unpacked_field(item, np.array(octets, np.uint8))
    assert back.dtype == value.dtype
    assert torch.equal(back, value)


def test_what_is_not_a_number_survives_bit_for_bit() -> None:
    odd = torch.tensor([0x7FC00001, -0x80000000, 0x7F800000, 1], dtype=torch.int32).view(torch.float32)  # NaN, -0, inf, 1e-45
    item = Field("values", (4,), 32, "values")
    assert torch.equal(unpacked_field(item, packed_field(item, odd)).view(torch.int32), odd.view(torch.int32))


def test_sets_as_bitmaps_and_as_numbers() -> None:
    """{1, 4} of five: the bitmap 01001; number binom(1, 1) + binom(4, 2) = 7 of ten, 0111."""
    sets = torch.tensor([[1, 4], [0, 1]])
    bitmap = Field("indices", (2,), 5, "side", form=Subset(5, 2))
    assert packed_field(bitmap, sets).tolist() == [0b01001110, 0b00000000]
    number = Field("indices", (2,), 4, "side", form=Subset(5, 2))
    assert packed_field(number, sets).tolist() == [0b01110000]
    for item in (bitmap, number):
        assert torch.equal(unpacked_field(item, packed_field(item, sets)), sets)


def test_sets_that_nobody_writes_are_read_as_some_set() -> None:
    """After bit errors a bitmap may have too many or too few members, and a number may lie beyond the last set."""
    bitmap = Field("indices", (2,), 4, "side", form=Subset(4, 2))
    assert unpacked_field(bitmap, np.array([0b0111_0010], np.uint8)).tolist() == [[1, 2], [0, 2]]
    number = Field("indices", (1,), 4, "side", form=Subset(5, 2))
    assert unpacked_field(number, np.array([0b11110000], np.uint8)).tolist() == [[3, 4]]


@pytest.mark.parametrize("bits", [1, 4, 7, 33, 63])
def test_any_width_behind_any_offset(bits: int) -> None:
    generator = torch.Generator().manual_seed(bits)
    fields = [Field(f"{width}", (3,), width, "side") for width in range(1, 9)]  # offsets of every sort
    fields.append(Field("values", (5,), bits, "values"))
    tensors = {item.name: torch.randint(2 ** min(item.bits_each, 62), item.shape, generator=generator) for item in fields}
    data = written(fields, tensors)
    assert len(data) == math.ceil((3 * 36 + 5 * bits) / 8)
    assert all(torch.equal(back, tensors[item.name]) for item, back in zip(fields, Reader(data).peek(fields), strict=True))


def test_what_a_field_cannot_carry_is_refused() -> None:
    codes = Field("values", (2,), 3, "values")
    with pytest.raises(ValueError, match=r"values: codes must lie in \[0, 2\^3\)"):
        packed_field(codes, torch.tensor([1, 8]))
    with pytest.raises(ValueError, match="values announces shape"):
        packed_field(codes, torch.tensor([1, 2, 3]))
    with pytest.raises(ValueError, match=r"integers of 3 bits, but is torch\.float32"):
        packed_field(codes, torch.ones(2))
    with pytest.raises(ValueError, match=r"a float of 32 bits, but is torch\.float64"):
        packed_field(Field("values", (2,), 32, "values"), torch.ones(2, dtype=torch.float64))


def test_a_message_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="a message of 3 bytes is too short for values"):
        Reader(b"abc").peek([Field("values", (1,), 32, "values")])
