"""Integer codes packed into bytes, without gaps."""

import torch
from torch import Tensor


def packed_bytes(count: int, bits: int) -> int:
    """Bytes that `count` codes of `bits` bits take: ceil(count bits / 8).

    >>> packed_bytes(10, 3)
    4
    """
    return -(-count * bits // 8)


def pack(codes: Tensor, bits: int) -> Tensor:
    """Codes one after the other, most significant bit first; the last byte is filled up with zeros.

    codes    any shape, integers in [0, 2^bits); ValueError outside
    bits     0 to 32 per code
    returns  [packed_bytes(count, bits)] uint8
    """
    flat = codes.reshape(-1).long()
    if len(flat) and (int(flat.min()) < 0 or int(flat.max()) >> bits):
        raise ValueError(f"codes must lie in [0, 2^{bits}), got [{int(flat.min())}, {int(flat.max())}]")
    places = torch.arange(bits - 1, -1, -1, device=flat.device)
    stream = (flat[:, None] >> places & 1).flatten()  # [count bits] of 0 and 1
    stream = torch.cat([stream, stream.new_zeros(-len(stream) % 8)]).view(-1, 8)
    weights = 2 ** torch.arange(7, -1, -1, device=flat.device)
    return (stream * weights).sum(1).to(torch.uint8)


def unpack(packed: Tensor, bits: int, count: int) -> Tensor:
    """The `count` codes that `pack` packed, [count] int64. ValueError where the bytes are not as many as they must be."""
    if len(packed) != packed_bytes(count, bits):
        raise ValueError(f"{count} codes of {bits} bits take {packed_bytes(count, bits)} bytes, got {len(packed)}")
    shifts = torch.arange(7, -1, -1, device=packed.device)
    stream = (packed.long()[:, None] >> shifts & 1).flatten()[: count * bits].view(count, bits)
    weights = 2 ** torch.arange(bits - 1, -1, -1, device=packed.device)
    return (stream * weights).sum(1)
