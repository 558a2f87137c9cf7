"""Rayleigh block fading: law of the gain, rates, errors, distortion (phy.md 15, rows 3, 5, 7, 20, 22 and 23)."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from channels import AWGN, Draws, Rayleigh, theory

SIGMA = 4.5
BLOCKS = 200_000


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def fast(snr_db: float, blocks: int = BLOCKS, key: int = 1) -> tuple[Rayleigh, Draws]:
    channel = Rayleigh(snr_db=snr_db, coherence_s=0.01)
    return channel, channel.draws(0.0, blocks, key)


def assert_mean(samples: np.ndarray, expected: float) -> None:
    """The mean of independent samples lies within 4.5 of its standard errors."""
    assert abs(samples.mean() - expected) <= SIGMA * samples.std() / math.sqrt(len(samples))


def test_the_gain_is_exponential() -> None:
    """Kolmogorov-Smirnov at the level of 4.5 sigma; 2e5 blocks tell distributions 0.6 % apart."""
    channel, draws = fast(0.0)
    assert stats.kstest(draws.gain, "expon").pvalue > 7e-6
    assert stats.kstest(draws.gain, channel.cdf).pvalue > 7e-6
    probabilities = np.linspace(0.01, 0.99, 25)
    np.testing.assert_allclose(channel.cdf(channel.quantile(probabilities)), probabilities)


@pytest.mark.parametrize("rate", [0.5, 2.0, 4.0])
def test_outage_probability(rate: float) -> None:
    """n blocks, probability p: standard deviation sqrt(p (1 - p) / n)."""
    channel, draws = fast(10.0, blocks=1_000_000)
    expected = 1.0 - math.exp(-(2.0**rate - 1.0) / 10.0)
    assert channel.outage_probability(rate) == pytest.approx(expected)
    realised = float(np.mean(np.log2(1.0 + draws.snr) < rate))
    assert abs(realised - expected) <= SIGMA * math.sqrt(expected * (1.0 - expected) / len(draws.snr))


@pytest.mark.parametrize("epsilon", [0.01, 0.1])
def test_outage_capacity(epsilon: float) -> None:
    channel, draws = fast(5.0)
    rate = channel.outage_capacity(epsilon)
    assert channel.outage_probability(rate) == pytest.approx(epsilon)
    assert_mean((np.log2(1.0 + draws.snr) < rate).astype(float), epsilon)


@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 10.0, 30.0])
def test_ergodic_capacity(snr_db: float) -> None:
    channel, draws = fast(snr_db)
    assert_mean(np.log2(1.0 + draws.snr), channel.ergodic_capacity())
    assert channel.ergodic_capacity() < AWGN(snr_db=snr_db).capacity()  # Jensen


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 20.0])
def test_bit_error_rate_of_qpsk_over_many_fades(snr_db: float) -> None:
    """One symbol a block. The two bits of a symbol share a fade, so the symbols are the independent samples."""
    channel, draws = fast(snr_db)
    bits = torch.randint(2, (BLOCKS, 2), generator=seeded(1)) * 2.0 - 1.0
    arrived = channel.apply(bits, draws, seeded(2))
    errors = (arrived.sign() != bits).double().mean(dim=1).numpy()
    assert_mean(errors, theory.rayleigh_ber_qpsk(channel.snr))


def test_bit_error_rate_of_bpsk_over_many_fades() -> None:
    channel, draws = fast(10.0)
    bits = torch.randint(2, (BLOCKS,), generator=seeded(1)) * 2.0 - 1.0
    sent = torch.stack([bits * math.sqrt(2.0), torch.zeros_like(bits)], dim=1)
    errors = (channel.apply(sent, draws, seeded(2))[:, 0].sign() != bits).double().numpy()
    assert_mean(errors, theory.rayleigh_ber_bpsk(10.0))


@pytest.mark.parametrize("snr_db", [0.0, 10.0])
def test_mmse_distortion_over_many_fades(snr_db: float) -> None:
    channel, draws = fast(snr_db)
    x = torch.randn(BLOCKS, 2, generator=seeded(1))
    error = (channel.apply(x, draws, seeded(2), equaliser="mmse") - x).double().square().mean(dim=1).numpy()
    assert_mean(error, theory.rayleigh_mmse_distortion(channel.snr))


def test_a_fade_costs_what_it_should() -> None:
    """|h|^2 = 0.01 is 20 dB worse: the noise is not rescaled to the faded power."""
    channel, draws = fast(10.0, blocks=2000)
    deepest = int(np.argmin(np.abs(draws.gain - 0.01)))
    gain = float(draws.gain[deepest])
    assert gain == pytest.approx(0.01, rel=0.2)
    block = channel.draws((deepest + 0.5) * 0.01, 1, key=1)
    assert block.snr[0] == pytest.approx(10.0 * gain)
    bits = torch.randint(2, (100_000,), generator=seeded(1)) * 2.0 - 1.0
    errors = (channel.apply(bits, block, seeded(2)).sign() != bits).double().numpy()
    assert_mean(errors, theory.ber_qpsk(10.0 * gain))
    assert errors.mean() > 100 * theory.ber_qpsk(10.0)


def test_one_block_without_end_is_awgn_at_its_gain() -> None:
    channel = Rayleigh(snr_db=10.0, coherence_s=math.inf)
    draws = channel.draws(5.0, 3, key=21)
    assert draws.seconds.tolist() == [math.inf]
    same = AWGN(snr_db=10.0 * math.log10(float(draws.snr[0])))
    x = torch.randn(1000, generator=seeded(1))
    for equaliser in ("zf", "mmse"):
        faded = channel.apply(x, draws, seeded(2), equaliser=equaliser)
        steady = same.apply(x, same.draws(0.0, 1, key=0), seeded(2), equaliser=equaliser)
        torch.testing.assert_close(faded, steady)


def test_links_do_not_disturb_each_other() -> None:
    """Asking for other links in between, at any time, changes nothing: adding a client changes no other channel."""
    alone, busy = (Rayleigh(snr_db=3.0, coherence_s=0.01) for _ in range(2))
    for now in np.linspace(1e6, 1e6 + 10.0, 40):
        for other in (2, 3):
            busy.draws(now / 7.0, 100, key=other)
        ours, theirs = alone.draws(now, 10, key=1), busy.draws(now, 10, key=1)
        assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_the_same_seed_delivers_the_same_bits() -> None:
    channel, draws = fast(3.0, blocks=50)
    x = torch.randn(64, 33, generator=seeded(1))
    once, again = (channel.apply(x, draws, seeded(2), equaliser="mmse") for _ in range(2))
    assert torch.equal(once, again)


@pytest.mark.parametrize(("knob", "value"), [("snr_db", math.nan), ("coherence_s", 0.0), ("coherence_s", -1.0)])
def test_impossible_knobs_are_refused(knob: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{knob} .*{value}"):
        Rayleigh(**{"snr_db": 10.0, "coherence_s": 0.01, knob: value})
