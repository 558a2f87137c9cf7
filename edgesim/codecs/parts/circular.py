"""Circular convolution with fixed random keys, by real FFT (compression.md 2.6)."""

import math
from typing import Literal

import torch
from torch import Generator, Tensor

Keys = Literal["gaussian", "unitary"]


def key_spectra(count: int, length: int, keys: Keys, seed: int) -> Tensor:
    """Spectra of `count` real keys of `length` entries, [count, length // 2 + 1] complex64; a function of its arguments.

    The first keys are the same whatever `count` is.

    gaussian  entries N(0, 1), scaled to unit length
    unitary   every frequency divided by its modulus, so that binding is orthogonal: binding, then unbinding is exact
    """
    generator = Generator().manual_seed(seed)
    drawn = torch.stack([torch.randn(length, generator=generator, dtype=torch.float64) for _ in range(count)])
    spectra: Tensor = torch.fft.rfft(drawn / drawn.norm(dim=1, keepdim=True))
    if keys == "unitary":
        spectra = spectra / spectra.abs()
    return spectra.to(torch.complex64)


def bind(z: Tensor, spectra: Tensor) -> Tensor:
    """v_g = sum_r key_r * z_gr, * the circular convolution; linear in z.

    z        [groups, R', length], R' at most the number of keys
    returns  [groups, length]
    """
    bound: Tensor = torch.fft.rfft(z) * _as(spectra[: z.shape[1]], z)
    v: Tensor = torch.fft.irfft(bound.sum(1), n=z.shape[-1])
    return v


def unbind(v: Tensor, spectra: Tensor) -> Tensor:
    """z'_gr[i] = sum_j key_r[j] v_g[(i + j) mod length], the circular correlation: the adjoint of `bind`.

    v        [groups, length]
    returns  [groups, R, length]
    """
    z: Tensor = torch.fft.irfft(torch.fft.rfft(v)[:, None] * _as(spectra, v).conj(), n=v.shape[-1])
    return z


def fft_flops(length: int) -> float:
    """FLOPs of a real FFT: (5/2) N log2 N, half of the complex one's (the customary count, as FFTW's benchmarks use it)."""
    return 2.5 * length * math.log2(length)


def _as(spectra: Tensor, x: Tensor) -> Tensor:
    """At the precision of x."""
    return spectra.to(torch.complex128) if x.dtype == torch.float64 else spectra
