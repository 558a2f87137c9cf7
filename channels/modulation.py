"""Bits to complex symbols and back: BPSK, QPSK, 16-, 64- and 256-QAM with the Gray labels of 5G NR.

Symbols are sliced axis by axis, so the cost of a decision grows with the bits of a symbol and not with its 2^bits points.
"""

import math

import numpy as np
import torch
from torch import Tensor

from channels import gray


class Modulation:
    """Square Gray-mapped QAM of unit mean energy (TS 38.211, 5.1.3-5.1.6; `channels.gray` has the formula).

    bits  per symbol: 1, 2, 4, 6 or 8

    >>> qpsk = Modulation(2)
    >>> qpsk.hard(qpsk.map(torch.tensor([0, 1, 1, 1]))).tolist()
    [0, 1, 1, 1]
    """

    def __init__(self, bits: int) -> None:
        gray.check_bits(bits)
        self.bits = bits
        self._axis_bits = gray.axis_bits(bits)
        self._spacing = gray.spacing(bits)
        self._points = torch.from_numpy(gray.symbols(bits))  # [2^bits] complex128
        self._lines = torch.from_numpy(_lines(bits))  # [2, m, pieces] float64

    def map(self, bits: Tensor, dtype: torch.dtype = torch.complex64) -> Tensor:
        """Symbols of bits: [..., n bits] of 0 and 1, integer or bool -> [..., n] complex.

        Raises TypeError for bits that are not integer; ValueError for values other than 0 and 1 or a part of a symbol.
        """
        if bits.dtype.is_floating_point or bits.dtype.is_complex:
            raise TypeError(f"bits must be integer or bool, got {bits.dtype}")
        if bits.ndim == 0 or bits.shape[-1] % self.bits:
            raise ValueError(f"{tuple(bits.shape)} bits are no whole number of symbols of {self.bits} bits")
        if bits.dtype != torch.bool and bits.numel():
            least, most = (int(end) for end in torch.aminmax(bits))
            if least < 0 or most > 1:
                raise ValueError(f"bits must be 0 or 1, got {least} ... {most}")
        grouped = (
            bits.to(torch.uint8).reshape(*bits.shape[:-1], bits.shape[-1] // self.bits, self.bits).unbind(-1)
        )  # bits x [..., n]
        label = torch.zeros_like(grouped[0]) if not bits.numel() else grouped[0].clone()
        for bit in grouped[1:]:
            label.mul_(2).add_(bit)
        points = self._points.to(dtype=dtype, device=bits.device)
        return points.index_select(0, label.to(torch.int32).flatten()).view(label.shape)

    def hard(self, y: Tensor) -> Tensor:
        """The bits of the nearest symbols: [..., n] complex -> [..., n bits] uint8. Infinite parts are far outside.

        Raises TypeError for values that are not complex64 or complex128, ValueError for NaN.
        """
        axes = self._axes(y)  # [..., n, 1 or 2]
        if torch.isnan(axes).any():
            raise ValueError("cannot decide on NaN: a received value is not a number")
        decided = torch.empty((*axes.shape[:-1], self._axis_bits, axes.shape[-1]), dtype=torch.bool, device=y.device)
        torch.lt(axes, 0.0, out=decided[..., 0, :])
        size, middle = axes.abs() if self._axis_bits > 1 else axes, self._spacing * 2 ** (self._axis_bits - 1)
        for bit in range(1, self._axis_bits):
            torch.gt(size, middle, out=decided[..., bit, :])
            if bit + 1 < self._axis_bits:
                size.sub_(middle).abs_()
                middle /= 2.0
        return decided.view(torch.uint8).flatten(-3)

    def llr(self, y: Tensor, snr: Tensor | float) -> Tensor:
        """Max-log likelihood ratios ln p(b = 1) / p(b = 0): [..., n] complex -> [..., n bits] real, differentiable in y.

        LLR = snr (min over symbols with b = 0 of |y - s|^2  -  min over symbols with b = 1), piecewise linear in each axis.

        y    equalised by zero forcing: symbols plus noise of variance 1/snr
        snr  Es/N0 after equalisation, linear; a number or [..., n]

        Raises TypeError for values that are not complex64 or complex128; ValueError for NaN, or an SNR that is negative or not
        finite.
        """
        axes = self._axes(y)
        if torch.isnan(axes).any():
            raise ValueError("no likelihood of NaN: a received value is not a number")
        ratio = torch.as_tensor(snr, dtype=axes.dtype, device=y.device)
        if not bool(((ratio >= 0.0) & (ratio < math.inf)).all()):
            raise ValueError("snr must be finite and not negative; without noise use hard decisions")
        pieces = self._lines.shape[-1]
        place = (axes.detach() / self._spacing + pieces / 2).clamp(0, pieces - 1).to(torch.int32).flatten()
        slope, offset = self._lines.to(dtype=axes.dtype, device=y.device)
        ratio = (ratio * torch.ones((), dtype=axes.dtype, device=y.device)).broadcast_to(y.shape).unsqueeze(-1)  # [..., n, 1]
        each = [
            (slope[bit].index_select(0, place).view(axes.shape) * axes + offset[bit].index_select(0, place).view(axes.shape))
            for bit in range(self._axis_bits)
        ]
        return (torch.stack(each, dim=-2) * ratio.unsqueeze(-1)).flatten(-3)

    def _axes(self, y: Tensor) -> Tensor:
        """The parts of symbols that carry bits, [..., n, 2]; [..., n, 1] for BPSK."""
        if y.dtype not in (torch.complex64, torch.complex128):
            raise TypeError(f"symbols must be complex64 or complex128, got {y.dtype}")
        return y.real.unsqueeze(-1) if self.bits == 1 else torch.view_as_real(y)


def _lines(bits: int) -> np.ndarray:
    """Slope and offset of each axis bit's LLR at SNR 1 on each piece, [2, m, pieces].

    Pieces are as wide as the spacing A and centred on 0; the outer two go on for ever. Inside a piece the nearest amplitude
    with either value of the bit does not change, so the difference of squares is a line.
    """
    levels, label, width = gray.amplitudes(bits), gray.labels(bits), gray.spacing(bits)
    pieces = 2 ** (gray.axis_bits(bits) + 1)
    centres = (np.arange(pieces) - pieces / 2 + 0.5) * width
    lines = np.empty((2, label.shape[1], pieces))
    for bit in range(label.shape[1]):
        near = []
        for value in (0, 1):
            with_value = levels[label[:, bit] == value]
            near.append(with_value[np.abs(centres[:, None] - with_value).argmin(axis=1)])  # [pieces]
        lines[0, bit] = 2.0 * (near[1] - near[0])  # (r - a0)^2 - (r - a1)^2 = 2 r (a1 - a0) + a0^2 - a1^2
        lines[1, bit] = near[0] ** 2 - near[1] ** 2
    return lines
