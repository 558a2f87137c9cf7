"""Additive white Gaussian noise: law of the noise, bit error rates, limits (phy.md 15, rows 1, 2 and 20)."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from channels import AWGN, Ideal, theory

SIGMA = 4.5
VALUES = 1_000_000  # moments within 0.5 to 2 %


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def symbol_noise(channel: AWGN) -> np.ndarray:
    """Noise per complex symbol of unit power, times sqrt(2): two values of unit mean square make a symbol of power 2."""
    noise = channel.apply(torch.zeros(VALUES, dtype=torch.float64), channel.draws(0.0, 1, key=0), seeded()).numpy()
    return noise[0::2] + 1j * noise[1::2]


@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 20.0])
def test_noise_is_circular_gaussian_of_the_announced_power(snr_db: float) -> None:
    """E|w|^2 = N0, E w^2 = 0, kurtosis 3 per axis.

    n symbols: |w|^2 has variance N0^2, w^2 has E|w^2|^2 = 2 N0^2 (half on each axis), kurtosis of 2n values variance 24/(2n).
    """
    noise = symbol_noise(AWGN(snr_db=snr_db)) / math.sqrt(2.0)
    n0, n = 10.0 ** (-snr_db / 10.0), len(noise)
    assert np.mean(np.abs(noise) ** 2) == pytest.approx(n0, rel=SIGMA / math.sqrt(n))
    square = np.mean(noise**2) / n0
    assert max(abs(square.real), abs(square.imag)) <= SIGMA / math.sqrt(n)
    axes = np.concatenate([noise.real, noise.imag]) / math.sqrt(n0 / 2.0)
    assert np.mean(axes**4) == pytest.approx(3.0, abs=SIGMA * math.sqrt(96.0 / (2 * n)))
    assert abs(axes.mean()) <= SIGMA / math.sqrt(2 * n)


def test_noise_is_white_and_normal() -> None:
    noise = symbol_noise(AWGN(snr_db=0.0))
    axis = noise.real
    assert abs(np.corrcoef(axis[:-1], axis[1:])[0, 1]) <= SIGMA / math.sqrt(len(axis))
    assert stats.kstest(axis[:50_000], "norm").pvalue > 7e-6


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 4.0, 8.0])
def test_bit_error_rate_of_qpsk(snr_db: float) -> None:
    """One bit on each axis: values +-1. n bits of error rate p: standard deviation sqrt(p (1 - p) / n)."""
    channel = AWGN(snr_db=snr_db)
    bits = torch.randint(2, (VALUES,), generator=seeded(1)) * 2.0 - 1.0
    arrived = channel.apply(bits, channel.draws(0.0, 1, key=0), seeded(2))
    expected = theory.ber_qpsk(channel.snr)
    realised = float((arrived.sign() != bits).double().mean())
    assert abs(realised - expected) <= SIGMA * math.sqrt(expected * (1.0 - expected) / VALUES)


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 4.0, 6.0])
def test_bit_error_rate_of_bpsk(snr_db: float) -> None:
    """All of the symbol's power on one axis: values +-sqrt(2), 0."""
    channel = AWGN(snr_db=snr_db)
    bits = torch.randint(2, (VALUES // 2,), generator=seeded(1)) * 2.0 - 1.0
    sent = torch.stack([bits * math.sqrt(2.0), torch.zeros_like(bits)], dim=1)
    arrived = channel.apply(sent, channel.draws(0.0, 1, key=0), seeded(2))[:, 0]
    expected = theory.ber_bpsk(channel.snr)
    realised = float((arrived.sign() != bits).double().mean())
    assert abs(realised - expected) <= SIGMA * math.sqrt(expected * (1.0 - expected) / len(bits))


def test_capacity() -> None:
    assert AWGN(snr_db=0.0).capacity() == 1.0
    assert AWGN(snr_db=30.0).capacity() == pytest.approx(math.log2(1001.0))
    assert AWGN(snr_db=math.inf).capacity() == math.inf


def test_without_noise_it_is_ideal() -> None:
    x = torch.randn(100, generator=seeded())
    quiet, ideal = AWGN(snr_db=math.inf), Ideal()
    assert quiet.draws(1.0, 2, key=3) == ideal.draws(1.0, 2, key=3)
    assert torch.equal(quiet.apply(x, quiet.draws(0.0, 1, key=0), seeded()), x)
    assert torch.equal(ideal.apply(x, ideal.draws(0.0, 1, key=0), seeded(), equaliser="mmse"), x)


def test_it_never_fades() -> None:
    draws = AWGN(snr_db=10.0).draws(1e6, 100, key=0)
    assert (draws.gain.tolist(), draws.snr.tolist(), draws.seconds.tolist()) == ([1.0], [10.0], [math.inf])


@pytest.mark.parametrize("snr_db", [math.nan, -math.inf])
def test_an_impossible_snr_is_refused(snr_db: float) -> None:
    with pytest.raises(ValueError, match=f"snr_db .*{snr_db}"):
        AWGN(snr_db=snr_db)
