"""Block error rates against a 5G LDPC decoder's, and the normal approximation against its definition (phy.md 6.1 and 15)."""

import math

import numpy as np
import pytest
from scipy import optimize, special

from channels import coding, density, gray, mcs

# phy.md 6.1: SNR at which a 38.212 LDPC code (20 iterations) fails in one block of ten, measured on 32 288 code blocks
LDPC_DB = [
    (4, 2000, -1.67), (9, 2000, 3.24), (13, 2000, 6.03), (16, 2000, 8.73), (22, 2000, 13.68), (28, 2000, 19.60),
    (16, 6000, 8.55), (28, 500, 19.96),
]  # fmt: skip
# phy.md 6.1: the same as this model predicts it, table 1, k = 2000, MCS 0 ... 28
PREDICTED_DB = [
    -6.50, -5.22, -4.21, -2.88, -1.79, -0.63, 0.38, 1.40, 2.35, 3.30, 3.45, 4.15, 5.12, 6.04, 7.05, 8.04, 8.69, 9.15, 9.73,
    10.74, 11.71, 12.65, 13.60, 14.63, 15.69, 16.72, 17.80, 18.68, 19.71,
]  # fmt: skip


def snr_db_at(scheme: int, block_bits: int, failing: float = 0.1) -> float:
    """Where the model has this block error rate, by root finding."""
    table = mcs.TABLES["mcs1"]
    bits, symbols = int(table.bits[scheme]), block_bits / table.efficiency[scheme]
    found = optimize.brentq(
        lambda db: float(coding.block_error_rate(bits, 10.0 ** (db / 10.0), symbols, block_bits)) - failing, -9, 25
    )
    return float(found)


@pytest.mark.parametrize(("scheme", "block_bits", "truth_db"), LDPC_DB)
def test_against_a_real_decoder(scheme: int, block_bits: int, truth_db: float) -> None:
    assert snr_db_at(scheme, block_bits) == pytest.approx(truth_db, abs=0.25)


def test_calibration_is_as_good_as_claimed() -> None:
    """Root mean square over the published rows; phy.md states 0.073 dB over all 22 curves."""
    errors = np.array([snr_db_at(scheme, bits) - truth for scheme, bits, truth in LDPC_DB])
    assert math.sqrt((errors**2).mean()) < 0.09
    assert abs(errors).max() < 0.13


def test_predicted_ladder() -> None:
    found = [snr_db_at(scheme, 2000) for scheme in range(29)]
    np.testing.assert_allclose(found, PREDICTED_DB, atol=0.015)


def test_formula() -> None:
    """eps by hand for QPSK at 1 dB: quadrature instead of the table, erfc instead of Q."""
    snr, symbols, k = 10.0**0.1, 900.0, 1000.0
    gap = 10.0 ** ((0.73 + 0.08 / math.sqrt(k / 1000.0)) / 10.0)
    mean, variance = density.density(2, snr / gap)
    argument = (symbols * mean - k + 0.5 * math.log2(symbols)) / math.sqrt(1.48 * symbols * variance)
    expected = 0.5 * math.erfc(argument / math.sqrt(2.0))
    assert coding.block_error_rate(2, snr, symbols, k) == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("order", gray.BITS)
def test_unequal_symbols_add_up(order: int) -> None:
    """A block that spans three equal parts of one SNR is a block of that SNR; parts of unequal SNR lie between."""
    snr, symbols = 10.0 ** (0.35 * order - 0.3), 300.0
    k = round(0.98 * symbols * density.density(order, snr / 1.2)[0])
    gap = 10.0 ** (coding.gap_db(order, k) / 10.0)

    def failing(*snrs: float) -> float:
        mean, variance = coding.information(order, np.array(snrs) / gap)
        return float(coding.failure(100 * mean.sum(), coding.WIDER * 100 * variance.sum(), np.array(symbols), np.array(k)))

    same = failing(snr, snr, snr)
    assert same == pytest.approx(float(coding.block_error_rate(order, snr, symbols, k)), rel=1e-9)
    assert failing(2 * snr, snr, snr) < same < failing(snr / 2, snr, snr)


def test_certainties() -> None:
    """Without noise a rate below the bits of a symbol never fails; without signal nothing arrives."""
    assert coding.block_error_rate(4, math.inf, 100.0, 399.0) == 0.0
    assert coding.block_error_rate(4, math.inf, 100.0, 500.0) == 1.0
    assert coding.block_error_rate(4, 0.0, 1000.0, 300.0) == 1.0
    rates = coding.block_error_rate(6, 10.0 ** np.arange(-2.0, 5.0, 0.02), 500.0, 1500.0)
    assert (np.diff(rates) <= 1e-15).all()
    assert rates[0] == 1.0
    assert rates[-1] == 0.0
    np.testing.assert_allclose(coding.tail(np.array([0.0, 1.0, 5.0])), special.ndtr([0.0, -1.0, -5.0]))


@pytest.mark.parametrize("order", gray.BITS)
def test_inverse_of_the_information(order: int) -> None:
    snr = 10.0 ** np.array([-3.0, -1.0, 0.2, 0.5])
    np.testing.assert_allclose(coding.snr_for(order, coding.information(order, snr)[0]), snr, rtol=1e-6)
    assert coding.snr_for(order, np.array([0.0, float(order)])).tolist() == [0.0, math.inf]


def test_one_effective_snr() -> None:
    """Equal SNRs are their own effective SNR, a fade costs more than its share, and both formulas keep within the extremes."""
    steady, faded = np.full((3, 8), 7.0), np.array([14.0] * 4 + [0.1] * 4)
    np.testing.assert_allclose(coding.mutual_information_snr(4, steady), 7.0, rtol=1e-6)
    np.testing.assert_allclose(coding.exponential_snr(steady, 3.0), 7.0)
    for effective in (coding.mutual_information_snr(4, faded), coding.exponential_snr(faded, 3.0)):
        assert 0.1 < effective < faded.mean()
    by_definition = -3.0 * math.log(np.mean(np.exp(-faded / 3.0)))
    assert coding.exponential_snr(faded, 3.0) == pytest.approx(by_definition)
    assert coding.exponential_snr(np.array([2000.0, 3000.0]), 1.0) == pytest.approx(2000.0 + math.log(2.0))  # no underflow
    assert coding.exponential_snr(np.array([math.inf, math.inf]), 1.0) == math.inf
    assert coding.exponential_snr(np.array([1.0, math.inf]), 1.0) == pytest.approx(1.0 + math.log(2.0))


def test_impossible_arguments_are_refused() -> None:
    for snr in (-1.0, math.nan):
        with pytest.raises(ValueError, match="SNR must not be negative"):
            coding.block_error_rate(2, snr, 100.0, 100.0)
        with pytest.raises(ValueError, match="SNR must not be negative"):
            coding.exponential_snr(np.array([snr, 1.0]), 1.0)
    with pytest.raises(ValueError, match="block_bits"):
        coding.gap_db(2, 0)
    with pytest.raises(ValueError, match="beta"):
        coding.exponential_snr(np.ones(2), 0.0)
    with pytest.raises(ValueError, match="got 3"):
        coding.block_error_rate(3, 1.0, 100.0, 100.0)
