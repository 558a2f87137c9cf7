"""The bit-erasure channel of BottleNet++ against its definition and its moments."""

import torch
from torch import Generator

from edgesim.codecs.parts.bottleneck import erased


def test_nothing_and_everything_erased() -> None:
    codes = torch.arange(256, dtype=torch.uint8)
    torch.testing.assert_close(erased(codes, 0.0, Generator()), torch.arange(256) / 255.0)
    torch.testing.assert_close(erased(codes, 1.0, Generator()), torch.full((256,), 0.5))


def test_lost_bits_count_half_their_weight() -> None:
    """Mean (1 - p) x + p/2; of a code of all ones, variance p (1 - p) sum_i (2^i / 2)^2 / 255^2."""
    count, p = 40_000, 0.2
    there = erased(torch.full((count,), 255, dtype=torch.uint8), p, Generator().manual_seed(0)).double()
    variance = p * (1 - p) * sum(4.0**i for i in range(8)) / 4 / 255**2
    assert abs(float(there.mean()) - 0.9) < 4.5 * (variance / count) ** 0.5
    assert abs(float(there.var()) / variance - 1.0) < 0.05
    values = (there * 510).round() / 510
    torch.testing.assert_close(there, values, rtol=0.0, atol=1e-6)  # half weights: a grid of 1/510
