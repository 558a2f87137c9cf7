"""Truncated inversion against its closed form and its power constraint (phy.md 11.6)."""

import math

import numpy as np
import pytest
from scipy.special import exp1, gammaincc

from channels import AWGN, Rayleigh
from channels.inversion import inversion_power
from channels.laws import nakagami, rayleigh_cdf

SIGMA = 4.5


@pytest.mark.parametrize("threshold", [1e-30, 1e-10, 1e-4, 0.01, 0.1, 0.5, 2.0])
def test_rayleigh_is_the_exponential_integral(threshold: float) -> None:
    assert inversion_power(rayleigh_cdf, threshold) == pytest.approx(1.0 / exp1(threshold), rel=1e-6)


def test_nakagami_against_its_own_integral() -> None:
    """m = 3: E[1/g; g >= t] = m/(m - 1) Gamma(m - 1, m t)/Gamma(m - 1)."""
    m, threshold = 3.0, 0.2
    expected = m / (m - 1.0) * gammaincc(m - 1.0, m * threshold)
    assert inversion_power(lambda gain: 1.0 - gammaincc(m, m * gain), threshold) == pytest.approx(1.0 / expected, rel=1e-6)


@pytest.mark.parametrize("threshold", [1e-6, 1e-2, 0.1])
@pytest.mark.parametrize("m", [50.0, 1e4, 1e6])
def test_gains_that_hardly_vary_are_inverted_at_hardly_any_cost(m: float, threshold: float) -> None:
    """Nothing is ever below the threshold, and E 1/g = m/(m - 1)."""
    assert inversion_power(nakagami(m).cdf, threshold) == pytest.approx((m - 1.0) / m, rel=1e-9)


def test_the_average_power_is_one() -> None:
    """n blocks of independent gains: the mean of rho/g over those sent is 1 within 4.5 standard errors."""
    threshold, blocks = 0.3, 20_000
    gain = np.random.default_rng(5).exponential(size=blocks)
    power = np.where(gain >= threshold, inversion_power(rayleigh_cdf, threshold) / gain, 0.0)
    assert abs(power.mean() - 1.0) <= SIGMA * power.std() / math.sqrt(blocks)


def test_channels_state_their_law() -> None:
    assert Rayleigh(snr_db=0.0, coherence_s=1.0).law is not None
    assert AWGN(snr_db=0.0).law is None
    with pytest.raises(ValueError, match="AWGN has no law"):
        AWGN(snr_db=0.0).outage_probability(1.0)


@pytest.mark.parametrize("threshold", [0.0, -1.0, math.nan, 1e4])
def test_impossible_thresholds_are_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match=r"threshold|reaches"):
        inversion_power(rayleigh_cdf, threshold)
