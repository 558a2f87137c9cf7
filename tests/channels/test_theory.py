"""The closed forms against numerical integration, tables and each other."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from channels import theory


def over_exponential(function, mean_snr: float) -> float:
    """E f(g mean_snr), g ~ Exp(1), by quadrature."""
    return sum(
        integrate.quad(lambda g: function(g * mean_snr) * math.exp(-g), low, high, epsabs=0.0, epsrel=1e-10)[0]
        for low, high in ((0.0, 1e-3), (1e-3, 1.0), (1.0, 50.0))
    )


def test_capacity_of_known_points() -> None:
    assert theory.capacity(1.0) == 1.0
    assert theory.capacity(1023.0) == 10.0
    assert theory.capacity(3.0 * 2.0, gap=2.0) == 2.0
    np.testing.assert_allclose(theory.capacity(np.array([0.0, 3.0, 7.0])), [0.0, 2.0, 3.0])


@pytest.mark.parametrize("gap", [1.0, 1.7])
def test_snr_for_inverts_capacity(gap: float) -> None:
    rates = np.array([1e-9, 0.5, 1.0, 6.0])
    np.testing.assert_allclose(theory.capacity(theory.snr_for(rates, gap), gap), rates, rtol=1e-6)


def test_qam_gap() -> None:
    """Its defining approximation: M-QAM with M - 1 = snr / gap has the bit error rate 0.2 exp(-1.5 snr / (M - 1))."""
    for bit_error_rate in (1e-6, 1e-3, 0.1):
        assert 0.2 * math.exp(-1.5 * theory.qam_gap(bit_error_rate)) == pytest.approx(bit_error_rate)
    for wrong in (0.0, 0.2, 1.0):
        with pytest.raises(ValueError, match="bit_error_rate"):
            theory.qam_gap(wrong)


@pytest.mark.parametrize("mean_snr", [1e-3, 0.1, 1.0, 10.0, 1e3])
def test_rayleigh_capacity_is_the_mean_of_capacity(mean_snr: float) -> None:
    expected = over_exponential(lambda snr: math.log2(1.0 + snr), mean_snr)
    assert theory.rayleigh_capacity(mean_snr) == pytest.approx(expected, rel=1e-8)


def test_rayleigh_capacity_at_the_ends() -> None:
    """Small SNR: log2(e) snr (1 - snr). Large: log2(snr) - gamma log2(e)."""
    assert theory.rayleigh_capacity(1e-6) == pytest.approx(1e-6 / math.log(2.0) * (1.0 - 1e-6), rel=1e-9)
    assert theory.rayleigh_capacity(1e9) == pytest.approx(math.log2(1e9) - np.euler_gamma / math.log(2.0), rel=1e-7)


@pytest.mark.parametrize(("x", "tail"), [(0.0, 0.5), (1.0, 0.15865525), (2.0, 0.02275013), (3.0, 0.00134990)])
def test_bit_error_rates_are_the_normal_tail(x: float, tail: float) -> None:
    """BPSK: Q(sqrt(2 snr)); QPSK: Q(sqrt(snr)). The tails are those of any table of the normal law."""
    assert theory.ber_bpsk(x * x / 2.0) == pytest.approx(tail, abs=5e-9)
    assert theory.ber_qpsk(x * x) == pytest.approx(tail, abs=5e-9)


@pytest.mark.parametrize("mean_snr", [0.01, 1.0, 10.0, 1e4])
def test_rayleigh_bit_error_rates_are_the_mean(mean_snr: float) -> None:
    for averaged, fixed in ((theory.rayleigh_ber_bpsk, theory.ber_bpsk), (theory.rayleigh_ber_qpsk, theory.ber_qpsk)):
        assert averaged(mean_snr) == pytest.approx(over_exponential(fixed, mean_snr), rel=1e-6)


def test_bpsk_in_rayleigh_fading_at_10_db() -> None:
    """The figure that a channel which rescales its noise to the faded power misses (phy.md 0.2)."""
    assert theory.rayleigh_ber_bpsk(10.0) == pytest.approx(0.0233, abs=5e-5)


def test_without_noise_and_almost_without_signal() -> None:
    assert theory.rayleigh_ber_bpsk(math.inf) == theory.rayleigh_ber_qpsk(math.inf) == 0.0
    assert theory.capacity(1e-12) == pytest.approx(1e-12 / math.log(2.0), rel=1e-11)


def test_outage_in_rayleigh_fading() -> None:
    """Closed form 1 - exp(-(2^R - 1)/snr), and epsilon-outage capacity as its inverse."""
    cdf, quantile = stats.expon.cdf, stats.expon.ppf
    assert theory.outage_probability(2.0, 10.0, cdf) == pytest.approx(1.0 - math.exp(-0.3))
    for epsilon in (1e-4, 0.1, 0.5):
        rate = theory.outage_capacity(epsilon, 10.0, quantile)
        assert theory.outage_probability(rate, 10.0, cdf) == pytest.approx(epsilon)


@pytest.mark.parametrize("snr", [0.1, 1.0, 31.6])
def test_two_values_in_a_symbol_with_mmse_are_optimal(snr: float) -> None:
    """Goblick: uncoded transmission meets the rate-distortion bound D = 2^(-2 R) with R = C / 2 bit per value."""
    assert theory.mmse_distortion(snr) == pytest.approx(2.0 ** -theory.capacity(snr))
    assert theory.least_distortion(snr) == pytest.approx(theory.mmse_distortion(snr))
    assert theory.zf_distortion(snr) > theory.mmse_distortion(snr)
    assert theory.least_distortion(snr, symbols_per_value=1.0) == pytest.approx(theory.mmse_distortion(snr) ** 2)


@pytest.mark.parametrize("mean_snr", [0.1, 1.0, 100.0])
def test_rayleigh_mmse_distortion_is_the_mean(mean_snr: float) -> None:
    expected = over_exponential(lambda snr: 1.0 / (1.0 + snr), mean_snr)
    assert theory.rayleigh_mmse_distortion(mean_snr) == pytest.approx(expected, rel=1e-8)
