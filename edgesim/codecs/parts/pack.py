"""A message as the very bytes that cross the air: one stream of bits, from the fields of a manifest and their tensors.

Side information comes first, so that a receiver who knows the size of the batch learns from it whatever sizes depend on data.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from edgesim.codecs.parts.bits import pack, packed_bytes, unpack
from edgesim.codecs.parts.subsets import rank, unrank
from edgesim.wire import Below, Field, Role, Subset

ORDER: tuple[Role, ...] = ("side", "labels", "model", "values")
_REAL = {
    ("float", 16): torch.float16,
    ("bfloat", 16): torch.bfloat16,
    ("float", 32): torch.float32,
    ("float", 64): torch.float64,
}
_BITS_OF = {16: torch.int16, 32: torch.int32, 64: torch.int64}
_LONGEST = 63  # bits of an unsigned entry: tensors hold signed integers of 64


def in_order(fields: Iterable[Field]) -> list[Field]:
    """Fields as they follow each other on the wire: by role, those of a role as the manifest has them."""
    return sorted(fields, key=lambda item: ORDER.index(item.role))


def written(fields: Iterable[Field], tensors: Mapping[str, Tensor]) -> bytes:
    """The message, `packed_bytes` of all bits long; bits that fill up the last byte are 0.

    Raises ValueError for a tensor that its field cannot carry.
    """
    items = list(fields)
    stream = np.zeros(packed_bytes(sum(item.bits for item in items)) + 1, np.uint8)
    at = 0
    for item in in_order(items):
        own = packed_field(item, tensors[item.name])
        first, shift = divmod(at, 8)
        stream[first : first + len(own)] |= own >> shift
        stream[first + 1 : first + 1 + len(own)] |= own << (8 - shift)
        at += item.bits
    return stream[:-1].tobytes()


class Reader:
    """Reads the fields of a message that `written` wrote; a receiver may look at its beginning more than once."""

    def __init__(self, data: bytes) -> None:
        self.octets = len(data)
        self._stream = np.frombuffer(data + b"\0", np.uint8)

    def peek(self, fields: Sequence[Field]) -> list[Tensor]:
        """The tensors of fields that stand at the beginning, in this order. ValueError where the message is shorter."""
        if packed_bytes(sum(item.bits for item in fields)) > self.octets:
            raise ValueError(f"a message of {self.octets} bytes is too short for {', '.join(item.name for item in fields)}")
        tensors, at = [], 0
        for item in fields:
            first, shift = divmod(at, 8)
            size = packed_bytes(item.bits)
            window = np.zeros(size + 1, np.uint8)
            there = self._stream[first : first + size + 1]
            window[: len(there)] = there
            tensors.append(unpacked_field(item, window[:size] << shift | window[1:] >> (8 - shift)))
            at += item.bits
        return tensors


def packed_field(item: Field, tensor: Tensor) -> np.ndarray:
    """The bytes of one field, [packed_bytes(bits)] uint8. ValueError for a tensor that the field cannot carry."""
    form = item.coding
    shape = (*item.shape, form.kept) if isinstance(form, Subset) else item.shape
    if tensor.shape != shape:
        raise ValueError(f"{item.name} announces shape {shape}, but has {tuple(tensor.shape)}")
    here = tensor.detach().cpu().contiguous()
    if isinstance(form, Subset):
        return _packed_sets(here.reshape(item.count, form.kept).numpy(), form, item.bits_each)
    if form in ("float", "bfloat"):
        if here.dtype != _REAL.get((form, item.bits_each)):
            raise ValueError(f"{item.name} announces a {form} of {item.bits_each} bits, but is {here.dtype}")
        return pack(here.view(_BITS_OF[item.bits_each]).numpy().view(f"u{item.bits_each // 8}"), item.bits_each)
    if here.dtype.is_floating_point or item.bits_each > _LONGEST:
        raise ValueError(f"{item.name} announces integers of {item.bits_each} bits, but is {here.dtype}")
    if isinstance(form, Below) and here.numel() and int(here.max()) >= form.bound:
        raise ValueError(f"{item.name} announces integers below {form.bound}, but has {int(here.max())}")
    try:
        return pack(here.numpy(), item.bits_each)
    except ValueError as error:
        raise ValueError(f"{item.name}: {error}") from error


def unpacked_field(item: Field, octets: np.ndarray) -> Tensor:
    """The tensor of a field from its bytes: reals in their own dtype, everything else int64.

    After bit errors, what no sender writes is read as something that there is: a number that is too large as the largest; of
    too many members of a set the first, to too few the first that are missing; a number beyond the last set as the last one.
    """
    form = item.coding
    if isinstance(form, Subset):
        return torch.from_numpy(_unpacked_sets(octets, form, item)).view(*item.shape, form.kept)
    numbers = unpack(octets, item.bits_each, item.count).reshape(item.shape)
    if isinstance(form, Below):
        return torch.from_numpy(numbers.view(np.int64)).clamp_max(form.bound - 1)
    if form == "unsigned":
        return torch.from_numpy(numbers.view(np.int64))
    size = item.bits_each // 8
    return torch.from_numpy(numbers.astype(f"u{size}").view(f"i{size}")).view(_REAL[form, item.bits_each])


def _packed_sets(members: np.ndarray, form: Subset, bits: int) -> np.ndarray:
    if bits == form.total:
        mask = np.zeros((len(members), form.total), np.uint8)
        np.put_along_axis(mask, members, 1, axis=1)
        return np.packbits(mask)
    octets = packed_bytes(bits)
    numbers = b"".join(rank(row.tolist(), form.total).to_bytes(octets, "big") for row in members)
    return np.packbits(np.unpackbits(np.frombuffer(numbers, np.uint8)).reshape(-1, 8 * octets)[:, 8 * octets - bits :])


def _unpacked_sets(packed: np.ndarray, form: Subset, item: Field) -> np.ndarray:
    """[count, kept] int64, ascending."""
    stream = np.unpackbits(packed, count=item.bits).reshape(item.count, item.bits_each)
    if item.bits_each == form.total:
        first = np.argsort(1 - stream, axis=1, kind="stable")[:, : form.kept]  # members, then the others
        return np.sort(first, axis=1).astype(np.int64)
    last = math.comb(form.total, form.kept) - 1
    octets = np.packbits(np.pad(stream, ((0, 0), (-item.bits_each % 8, 0))), axis=1)
    numbers = (min(last, int.from_bytes(row.tobytes(), "big")) for row in octets)
    return np.array([unrank(number, form.total, form.kept) for number in numbers], np.int64).reshape(item.count, form.kept)
