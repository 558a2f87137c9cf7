"""The published noise, its formula and the size of its defect (phy.md 11.6)."""

import math

import numpy as np
import pytest
import torch

from channels import AdcReference, Draws

SIGMA = 4.5


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def at(snr: float) -> Draws:
    return Draws(np.ones(1), np.array([snr]), np.full(1, math.inf))


@pytest.mark.parametrize(("std", "realised_db"), [(1.0, 11.4), (1e-3, -18.6)])
def test_the_realised_ratio_is_not_the_nominal_one(std: float, realised_db: float) -> None:
    """Nominal 0 dB at width 192. The mean of n squared errors lies within 4.5 sqrt(2/n), 0.02 dB here, of its expectation."""
    x = std * torch.randn(5000, 192, generator=seeded(1))
    error = AdcReference().apply(x, at(1.0), seeded(2)) - x
    measured = 10.0 * math.log10(float(x.square().mean() / error.square().mean()))
    tolerance = 10.0 * math.log10(1.0 + SIGMA * math.sqrt(4.0 / x.numel()))
    assert measured == pytest.approx(AdcReference.realised_db(std, 192), abs=tolerance + 0.02)  # 0.02 dB: |x| varies by row
    assert measured == pytest.approx(realised_db, abs=0.1)


def test_the_noise_is_the_published_formula_number_for_number() -> None:
    """y = x + sqrt((|x|_2 / d) / snr) n along the last axis, with the same normal numbers n."""
    x = torch.randn(2, 3, 8, generator=seeded(3), dtype=torch.float64)
    snr = 10.0 ** (-3.0 / 10.0)
    normal = torch.empty(x.shape, dtype=torch.float64).normal_(generator=seeded(4))
    norms = torch.sqrt((x * x).sum(dim=-1, keepdim=True))
    expected = x + torch.sqrt((norms / 8) / snr) * normal
    torch.testing.assert_close(AdcReference().apply(x, at(snr), seeded(4)), expected, rtol=1e-14, atol=0.0)


def test_nominal_ratios_are_uniform_in_decibels_and_belong_to_the_instant() -> None:
    """n uniform numbers on (-10, 10): mean 0 within 4.5 (20/sqrt 12)/sqrt n, and the extremes come near the ends."""
    channel, count = AdcReference(), 4000
    drawn = np.array([10.0 * np.log10(channel.draws(0.01 * number, 1, key=7).snr[0]) for number in range(count)])
    assert abs(drawn.mean()) <= SIGMA * 20.0 / math.sqrt(12.0 * count)
    assert -10.0 <= drawn.min() < -9.9
    assert 9.9 < drawn.max() <= 10.0
    assert channel.draws(5.0, 1, key=7).snr == AdcReference().draws(5.0, 3, key=7).snr
    assert channel.draws(5.0, 1, key=7).snr != channel.draws(5.0, 1, key=8).snr


def test_a_row_without_power_gets_no_noise() -> None:
    x = torch.zeros(2, 4)
    assert torch.equal(AdcReference().apply(x, at(1.0), seeded()), x)


def test_impossible_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="low_db"):
        AdcReference(low_db=1.0, high_db=0.0)
    with pytest.raises(TypeError, match="floating"):
        AdcReference().apply(torch.ones(3, dtype=torch.int64), at(1.0), seeded())
    with pytest.raises(ValueError, match="ratio"):
        AdcReference().apply(torch.ones(3), at(0.0), seeded())
