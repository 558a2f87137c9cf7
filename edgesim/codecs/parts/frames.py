"""Codes of mixed widths as the very bits that cross the air, in rows of a fixed number of bits."""

import torch
from torch import Tensor
from torch.nn.functional import pad


def to_bits(codes: Tensor, widths: Tensor, frame: int) -> Tensor:
    """Bit planes of every row, the most significant bit of each code first, the widest columns first in each plane.

    codes    [M, K] int32, column j in [0, 2^widths_j)
    widths   [K] int64, bits a column; 0 sends nothing of it
    frame    bits a row; what the codes leave free is filled up with zeros. ValueError if they need more
    returns  [M, frame] uint8 of 0 and 1

    >>> to_bits(torch.tensor([[1, 5, 2]]), torch.tensor([1, 3, 2]), 7)
    tensor([[1, 1, 1, 0, 0, 1, 0]], dtype=torch.uint8)
    """
    order, sorted_widths, counts = _planes(widths)
    if sum(counts) > frame:
        raise ValueError(f"codes of {sum(counts)} bits a row do not fit into a frame of {frame}")
    deepest = len(counts)
    aligned = codes[:, order] << (deepest - sorted_widths).to(codes.dtype)
    planes = [(aligned[:, :count] >> (deepest - 1 - plane) & 1).to(torch.uint8) for plane, count in enumerate(counts)]
    stream = torch.cat(planes, dim=1) if planes else codes.new_zeros(len(codes), 0, dtype=torch.uint8)
    return pad(stream, (0, frame - stream.shape[1]))


def from_bits(stream: Tensor, widths: Tensor) -> Tensor:
    """The codes that `to_bits` wrote, [M, K] int32; the rest of the frame is ignored, bits beyond it are 0."""
    order, sorted_widths, counts = _planes(widths)
    stream = pad(stream, (0, max(0, sum(counts) - stream.shape[1])))  # wrong bits in the widths may ask for more
    deepest = len(counts)
    codes = torch.zeros(len(stream), len(widths), dtype=torch.int32, device=stream.device)
    begin = 0
    for plane, count in enumerate(counts):
        codes[:, :count] += stream[:, begin : begin + count].int() << (deepest - 1 - plane)
        begin += count
    placed = torch.empty_like(codes)
    placed[:, order] = codes >> (deepest - sorted_widths).to(codes.dtype)
    return placed


def _planes(widths: Tensor) -> tuple[Tensor, Tensor, list[int]]:
    """Columns from the widest, their widths, and how many of them have a bit in plane 0, 1, ..."""
    order = widths.argsort(descending=True, stable=True)
    depths = torch.arange(int(widths.max()) if len(widths) else 0, device=widths.device)
    counts: list[int] = (widths[None] > depths[:, None]).sum(1).tolist()
    return order, widths[order], counts
