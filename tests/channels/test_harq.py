"""ARQ and hybrid ARQ (phy.md 7 and 15, row 16)."""

import math

import numpy as np
import pytest

from channels import coding, harq

SIGMA = 4.5


@pytest.mark.parametrize(("loss", "most"), [(0.3, 4), (0.05, 2), (0.9, 8), (0.0, 3), (1.0, 3), (0.5, 1)])
def test_attempts_and_residual_loss(loss: float, most: int) -> None:
    n = 200_000
    fate = harq.draw_attempts(loss, most, n, np.random.default_rng(1))
    series = sum(loss**attempt for attempt in range(most))  # attempt l + 1 happens if l were lost
    assert harq.mean_attempts(loss, most) == pytest.approx(series)
    assert harq.residual_loss(loss, most) == pytest.approx(loss**most)
    assert abs(fate.sent.mean() - series) <= SIGMA * fate.sent.std() / math.sqrt(n) + 1e-12
    p = loss**most
    assert abs((~fate.arrived).mean() - p) <= SIGMA * math.sqrt(p * (1 - p) / n)
    assert fate.sent.min() >= 1
    assert fate.sent.max() <= most


def test_patience_without_end() -> None:
    assert harq.mean_attempts(0.75) == 4.0
    assert harq.residual_loss(0.75, math.inf) == 0.0
    assert harq.mean_attempts(1.0) == math.inf


def test_wrong_feedback_step_by_step() -> None:
    """p = 0.3, f = 0.1, three attempts: what is lost and taken for arrived is gone, what arrived may be sent once more."""
    gone = 0.3 * 0.1 + 0.27 * 0.3 * 0.1 + 0.27 * 0.27 * 0.3
    assert harq.residual_loss(0.3, 3, 0.1) == pytest.approx(gone)
    second_missing, second_there = 0.3 * 0.9, 0.7 * 0.1
    third = second_missing * 0.3 * 0.9 + (second_missing * 0.7 + second_there) * 0.1
    assert harq.mean_attempts(0.3, 3, 0.1) == pytest.approx(1.0 + second_missing + second_there + third)
    assert harq.mean_attempts(0.3, feedback_error=0.1) == pytest.approx(harq.mean_attempts(0.3, 60, 0.1), rel=1e-12)


def test_delays() -> None:
    sent = np.array([1, 3])
    assert harq.stop_and_wait_s(sent, 2.0, 0.5, 0.1, 7.0).tolist() == pytest.approx([2.7, 3 * 2.7 + 2 * 7.0])
    assert harq.selective_repeat_s(sent, 2.0, 10.0) == pytest.approx(4 * 2.0 + 2 * 10.0)
    assert harq.selective_repeat_s(np.zeros(0, dtype=int), 2.0, 10.0) == 0.0


@pytest.mark.parametrize("order", [1, 2, 4, 6, 8])
def test_one_attempt_is_a_single_shot(order: int) -> None:
    snr, symbols = 10.0 ** (0.3 * order), 400.0
    k = 0.97 * symbols * coding.information(order, np.array(snr / 1.2))[0]
    single = coding.block_error_rate(order, snr, symbols, k)
    assert harq.chase(order, np.array([snr]), symbols, k) == pytest.approx(single)
    assert harq.incremental(order, np.array([snr]), np.array([symbols]), k) == pytest.approx(single)


def test_chase_at_equal_snr_gains_three_decibels() -> None:
    twice = harq.chase(2, np.array([0.4, 0.4]), 900.0, 700.0)[1]
    assert twice == pytest.approx(float(coding.block_error_rate(2, 0.8, 900.0, 700.0)))


def test_further_parity_is_a_longer_code() -> None:
    """Two attempts of n symbols at one SNR are one block of 2 n symbols."""
    pair = harq.incremental(2, np.array([0.9, 0.9]), np.array([600.0, 600.0]), 1000.0)
    assert pair[1] == pytest.approx(float(coding.block_error_rate(2, 0.9, 1200.0, 1000.0)))
    assert pair[1] < harq.chase(2, np.array([0.9, 0.9]), 600.0, 1000.0)[1]


def test_against_a_real_decoder() -> None:
    """phy.md 6.1: k = 1000, 1200 coded bits a transmission, QPSK, rv 0 and 2 at 0.19 dB: LDPC 0.121, this model 0.094."""
    found = harq.incremental(2, np.full(2, 10.0**0.019), np.array([600.0, 600.0]), 1000.0)[1]
    assert found == pytest.approx(0.094, abs=0.004)
    better = harq.incremental(2, np.full(2, 10.0 ** (0.019 - 0.006)), np.array([600.0, 600.0]), 1000.0)[1]
    assert found < 0.121 < better  # 0.06 dB apart


def test_a_code_ends_with_its_mother_code() -> None:
    """Beyond k/R coded bits symbols only repeat: three attempts of 1200 bits of a rate-1/3 code of 1000 bits (3000 bits)."""
    snr, symbols = np.full(3, 10.0**-0.18), np.full(3, 600.0)
    limited = harq.incremental(2, snr, symbols, 1000.0)
    endless = harq.incremental(2, snr, symbols, 1000.0, mother_rate=1e-6)
    assert limited[:2] == pytest.approx(endless[:2])
    assert limited[2] > 1.5 * endless[2]
    repeated = coding.block_error_rate(2, snr[0] * 3600 / 3000, 1500.0, 1000.0)  # 1.2 copies of 1500 symbols
    assert limited[2] == pytest.approx(float(repeated), rel=0.02)


def test_nested_failures() -> None:
    """Each packet's one uniform number gives the cumulative rates and hence the conditional ones."""
    failures = np.array([0.5, 0.2, 0.05])
    np.testing.assert_allclose(harq.conditional(failures), [0.5, 0.4, 0.25])
    assert harq.conditional(np.array([0.0, 0.0])).tolist() == [0.0, 0.0]
    n = 100_000
    fate = harq.draw(np.tile(failures, (n, 1)), np.random.default_rng(2))
    assert harq.mean_attempts_of(failures) == pytest.approx(1.7)
    assert abs(fate.sent.mean() - 1.7) <= SIGMA * fate.sent.std() / math.sqrt(n)
    assert abs((~fate.arrived).mean() - 0.05) <= SIGMA * math.sqrt(0.05 * 0.95 / n)
    second = fate.sent >= 2
    assert abs((fate.sent[second] == 3).mean() - 0.4) <= SIGMA * math.sqrt(0.24 / second.sum())


def test_impossible_arguments_are_refused() -> None:
    for loss, most in ((-0.1, 2), (1.1, 2), (math.nan, 2), (0.5, 0)):
        with pytest.raises(ValueError, match="probability"):
            harq.mean_attempts(loss, most)
        with pytest.raises(ValueError, match="probability"):
            harq.draw_attempts(loss, most, 3, np.random.default_rng(0))
