"""Binding by FFT against the sums that define it."""

import pytest
import torch
from torch import Generator, Tensor

from edgesim.codecs.parts.circular import bind, key_spectra, unbind


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("length", [1, 2, 7, 12])
@pytest.mark.parametrize("kind", ["gaussian", "unitary"])
def test_the_fft_is_the_direct_convolution(length: int, kind: str) -> None:
    spectra = key_spectra(3, length, kind, seed=5)  # type: ignore[arg-type]  # a Literal, parametrised
    keys = torch.fft.irfft(spectra.to(torch.complex128), n=length)
    z = normal(2, 3, length)
    direct = torch.zeros(2, length, dtype=torch.float64)
    for i in range(length):
        for j in range(length):
            direct[:, i] += (keys[:, j] * z[:, :, (i - j) % length]).sum(1)
    torch.testing.assert_close(bind(z, spectra), direct)
    there = torch.zeros(2, 3, length, dtype=torch.float64)
    for i in range(length):
        for j in range(length):
            there[:, :, i] += keys[:, j] * direct[:, None, (i + j) % length]
    torch.testing.assert_close(unbind(direct, spectra), there)


@pytest.mark.parametrize("length", [9, 30])
def test_unbinding_is_the_adjoint(length: int) -> None:
    """<K * z, a> = <z, K corr a>: compression.md section 7, oracle 8."""
    spectra, z, a = key_spectra(4, length, "gaussian", seed=1), normal(3, 4, length), normal(3, length, seed=2)
    torch.testing.assert_close((bind(z, spectra) * a).sum(), (z * unbind(a, spectra)).sum(), rtol=1e-12, atol=0.0)


def test_gaussian_keys_have_unit_length_and_unitary_ones_unit_frequencies() -> None:
    gaussian, unitary = (key_spectra(4, 64, kind, seed=0) for kind in ("gaussian", "unitary"))
    torch.testing.assert_close(torch.fft.irfft(gaussian, n=64).norm(dim=1), torch.ones(4))
    torch.testing.assert_close(unitary.abs(), torch.ones(4, 33))


def test_keys_follow_from_their_seed_alone() -> None:
    before = torch.get_rng_state()
    once, again, other = (key_spectra(2, 50, "gaussian", seed) for seed in (3, 3, 4))
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    assert torch.equal(once, key_spectra(9, 50, "gaussian", 3)[:2])
    assert torch.equal(before, torch.get_rng_state())
