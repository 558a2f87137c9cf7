"""Small networks that narrow tokens and widen them again (compression.md 2.3)."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Generator, Tensor, nn


def mlp_widths(width: int, narrow: int, layers: int) -> list[int]:
    """Widths between `layers` linear layers from `width` to `narrow`, evenly spaced, rounded down.

    >>> mlp_widths(192, 19, 2)
    [192, 105, 19]
    """
    return [math.floor(width + (narrow - width) * place / layers) for place in range(layers + 1)]


def mlp(widths: Sequence[int], relu_last: bool, generator: Generator) -> nn.Sequential:
    """Linear layers with ReLU between them, and after the last one if `relu_last`."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [drawn(nn.Linear(before, after, device="meta"), generator), nn.ReLU()]
    return nn.Sequential(*(layers if relu_last else layers[:-1]))


def drawn(module: nn.Module, generator: Generator) -> nn.Module:
    """A module made on the meta device, where making it drew nothing, on the CPU and with weights drawn from `generator`.

    Weights and biases are uniform within 1/sqrt(fan in), PyTorch's default.
    """
    module = module.to_empty(device="cpu")
    with torch.no_grad():
        weight = module.get_parameter("weight")
        bound = 1.0 / math.sqrt(weight[0].numel())
        for parameter in module.parameters():
            parameter.uniform_(-bound, bound, generator=generator)
    return module


class ConvEncoder(nn.Module):
    """Convolution, batch normalisation and sigmoid of the patch tokens as a map, with the noise level as one more plane.

    The class token passes a linear layer and a sigmoid. [B, 1 + s^2, width] -> [B, 1 + s'^2, narrow], all values in (0, 1).

    halve  2 x 2 with stride 2 (s' = s/2) instead of 3 x 3 (s' = s)
    """

    def __init__(self, side: int, width: int, narrow: int, halve: bool, generator: Generator) -> None:
        super().__init__()
        self.side = side
        size, stride, padding = (2, 2, 0) if halve else (3, 1, 1)
        self.convolution = drawn(nn.Conv2d(width + 1, narrow, size, stride, padding, device="meta"), generator)
        self.norm = nn.BatchNorm1d(narrow)
        self.first = drawn(nn.Linear(width, narrow, device="meta"), generator)

    def forward(self, z: Tensor, level: float) -> Tensor:
        plane = z.new_full((len(z), 1, self.side, self.side), level)
        planes = z[:, 1:].transpose(1, 2).reshape(len(z), -1, self.side, self.side)
        narrow = _normal(self.convolution(torch.cat([planes, plane], 1)), self.norm)
        return torch.cat([self.first(z[:, :1]), narrow], 1).sigmoid()


class ConvDecoder(nn.Module):
    """Convolution (transposed if `halve`) and batch normalisation back to `width`; ReLU after it if `relu_last`.

    The class token passes a linear layer. [B, 1 + s'^2, narrow] -> [B, 1 + s^2, width].

    side  s'
    """

    def __init__(self, side: int, width: int, narrow: int, halve: bool, relu_last: bool, generator: Generator) -> None:
        super().__init__()
        self.side, self.relu_last = side, relu_last
        if halve:
            self.convolution = drawn(nn.ConvTranspose2d(narrow, width, kernel_size=2, stride=2, device="meta"), generator)
        else:
            self.convolution = drawn(nn.Conv2d(narrow, width, kernel_size=3, padding=1, device="meta"), generator)
        self.norm = nn.BatchNorm1d(width)
        self.first = drawn(nn.Linear(narrow, width, device="meta"), generator)

    def forward(self, wire: Tensor) -> Tensor:
        planes = wire[:, 1:].transpose(1, 2).reshape(len(wire), -1, self.side, self.side)
        wide = _normal(self.convolution(planes), self.norm)
        return torch.cat([self.first(wire[:, :1]), wide.relu() if self.relu_last else wide], 1)


def _normal(planes: Tensor, norm: nn.BatchNorm1d) -> Tensor:
    """[B, width, s, s] -> [B, s^2, width], batch-normalised per channel.

    As rows: BatchNorm2d is the same sum, but its backward in evaluation mode misreads gradients in channels-last order
    (torch 2.15, CPU).
    """
    rows = planes.flatten(2).transpose(1, 2)
    normal: Tensor = norm(rows.flatten(0, 1))
    return normal.view(rows.shape)


def erased(codes: Tensor, probability: float, generator: Generator) -> Tensor:
    """8-bit codes of values in [0, 1] after a bit-erasure channel: a lost bit counts half its weight.

    codes     any shape, integers in [0, 255]
    returns   the same shape, float in [0, 1]: (sum_i w_i) / 255 with w_i = 2^i b_i if bit i arrived and 2^i / 2 if not
    """
    weights = 2 ** torch.arange(8)
    arrived = torch.rand(*codes.shape, 8, generator=generator) >= probability
    mask = (arrived * weights).sum(-1).to(codes.device)
    return ((codes.long() & mask).float() + (255 - mask).float() / 2.0) / 255.0
