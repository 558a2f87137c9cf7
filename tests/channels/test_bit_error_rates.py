"""Bit error rates of Gray-mapped QAM against integrals of the constellation itself (phy.md 5.2, 5.3 and 15, row 3)."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats

from channels import AWGN, Modulation, Nakagami, Rayleigh, Rician, gray, theory
from channels import bit_error_rates as rates

ORDERS = gray.BITS
SIGMA = 4.5


def by_decision_regions(order: int, snr: float) -> np.ndarray:
    """Rates of the bits of one axis from Gaussian tails over the decision region of every amplitude, [m]."""
    levels, label = gray.amplitudes(order), gray.labels(order)
    rank = np.argsort(levels)
    edges = np.concatenate([[-np.inf], (levels[rank][1:] + levels[rank][:-1]) / 2, [np.inf]])
    wrong = np.zeros(label.shape[1])
    for sent in range(len(levels)):
        mass = np.diff(stats.norm.cdf((edges - levels[sent]) * math.sqrt(2 * snr)))  # of deciding for each rank
        wrong += mass @ (label[rank] != label[sent])
    return wrong / len(levels)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 8.0, 16.0])
def test_every_level_over_awgn(order: int, snr_db: float) -> None:
    snr = 10.0 ** (snr_db / 10.0)
    axis = by_decision_regions(order, snr)
    expected = axis if order == 1 else np.repeat(axis, 2)
    np.testing.assert_allclose(rates.bit_errors(order, snr), expected, rtol=1e-9, atol=1e-15)
    assert rates.bit_error_rate(order, snr) == pytest.approx(expected.mean())


def test_special_cases() -> None:
    snr = np.array([0.0, 0.3, 4.0, math.inf])
    np.testing.assert_allclose(rates.bit_errors(1, snr)[0], theory.ber_bpsk(snr))
    np.testing.assert_allclose(rates.bit_errors(2, snr), np.tile(theory.ber_qpsk(snr), (2, 1)))
    np.testing.assert_allclose(rates.rayleigh_bit_errors(1, snr[1:3])[0], theory.rayleigh_ber_bpsk(snr[1:3]))
    np.testing.assert_allclose(rates.rayleigh_bit_errors(2, snr[1:3])[1], theory.rayleigh_ber_qpsk(snr[1:3]))


@pytest.mark.parametrize("order", ORDERS)
def test_ends_of_the_scale(order: int) -> None:
    """Without signal every bit is a guess; without noise none is wrong."""
    laws: tuple[Callable[[float], np.ndarray], ...] = (
        lambda snr: rates.bit_errors(order, snr),
        lambda snr: rates.rayleigh_bit_errors(order, snr),
        lambda snr: rates.nakagami_bit_errors(order, snr, 2.5),
        lambda snr: rates.rician_bit_errors(order, snr, 3.0),
    )
    for law in laws:
        np.testing.assert_allclose(law(0.0), 0.5, rtol=1e-12)
        assert law(math.inf).tolist() == [0.0] * order


def averaged(order: int, mean_snr: float, density: Callable[[float], float]) -> np.ndarray:
    """E P(g mean_snr) over the gain's density by adaptive quadrature, [order]."""
    parts = [0.0, 0.05, 0.3, 1.0, 3.0, 60.0]

    def term(bit: int) -> float:
        return sum(
            integrate.quad(lambda g: rates.bit_errors(order, g * mean_snr)[bit] * density(g), low, high, epsabs=1e-13)[0]
            for low, high in itertools.pairwise(parts)
        )

    return np.array([term(bit) for bit in range(order)])


@pytest.mark.parametrize("order", [1, 4, 6])
@pytest.mark.parametrize("mean_snr", [0.5, 30.0])
def test_averages_over_fading(order: int, mean_snr: float) -> None:
    nakagami = {m: stats.gamma(m, scale=1.0 / m).pdf for m in (1.0, 2.5, 3.0)}
    for m, density in nakagami.items():
        np.testing.assert_allclose(rates.nakagami_bit_errors(order, mean_snr, m), averaged(order, mean_snr, density), rtol=1e-7)
    k = 4.0

    def rician(g: float) -> float:
        z = 2.0 * math.sqrt(k * (k + 1.0) * g)
        return float((1.0 + k) * math.exp(-k - (1.0 + k) * g + z) * special.i0e(z))

    np.testing.assert_allclose(rates.rician_bit_errors(order, mean_snr, k), averaged(order, mean_snr, rician), rtol=1e-7)


@pytest.mark.parametrize("order", ORDERS)
def test_special_fading_is_general_fading(order: int) -> None:
    snr = np.array([0.01, 1.0, 100.0])
    rayleigh = rates.rayleigh_bit_errors(order, snr)
    np.testing.assert_allclose(rates.rician_bit_errors(order, snr, 0.0), rayleigh, rtol=1e-10)
    np.testing.assert_allclose(
        rates.averaged_bit_errors(order, snr, lambda s, mean: 1.0 / (1.0 - s * mean)), rayleigh, rtol=1e-10
    )
    np.testing.assert_allclose(
        rates.nakagami_bit_errors(order, snr, 2.0 + 1e-9), rates.nakagami_bit_errors(order, snr, 2.0), rtol=1e-6
    )
    np.testing.assert_allclose(rates.rician_bit_errors(order, snr[:2], 1e7), rates.bit_errors(order, snr[:2]), rtol=1e-5)


def test_packets() -> None:
    """Bits dealt to symbols in order: 6 bits of 16-QAM are one symbol and its first pair."""
    p = rates.bit_errors(4, 10.0)
    right = np.prod(1.0 - p) * (1.0 - p[0]) * (1.0 - p[1])
    assert rates.packet_error_rate(4, 10.0, 6) == pytest.approx(1.0 - right)
    assert rates.packet_error_rate(4, 10.0, 0) == 0.0
    assert rates.packet_error_rate(2, 40.0, 12000) == pytest.approx(12000 * theory.ber_qpsk(40.0), rel=1e-5)  # no cancellation


@pytest.mark.parametrize(
    "call",
    [
        lambda: rates.bit_errors(4, -1.0),
        lambda: rates.bit_errors(4, math.nan),
        lambda: rates.bit_errors(5, 1.0),
        lambda: rates.nakagami_bit_errors(4, 1.0, 0.4),
        lambda: rates.rician_bit_errors(4, 1.0, -1.0),
        lambda: rates.rician_bit_errors(4, 1.0, math.inf),
        lambda: rates.packet_error_rate(4, 1.0, -1),
    ],
)
def test_impossible_arguments_are_refused(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"must|got"):
        call()


def test_the_closed_forms_are_found_under_theory() -> None:
    """16-QAM over Rayleigh fading by hand: (3/2 T1 + T3 - T5/2)/2, T_i = (1 - sqrt(x/(1 + x)))/2, x = i^2 snr/10."""
    x = np.array([1.0, 9.0, 25.0])
    tails = 0.5 * (1.0 - np.sqrt(x / (1.0 + x)))
    assert theory.rayleigh_bit_errors(4, 10.0).mean() == pytest.approx(np.dot([0.75, 0.5, -0.25], tails))
    assert theory.bit_error_rate(2, 4.0) == pytest.approx(theory.ber_qpsk(4.0))


FADERS = {
    "awgn": (AWGN(snr_db=0.0), rates.bit_errors),
    "rayleigh": (Rayleigh(snr_db=0.0, coherence_s=1.0), rates.rayleigh_bit_errors),
    "rician": (Rician(snr_db=0.0, k_db=6.0, coherence_s=1.0), lambda order, snr: rates.rician_bit_errors(order, snr, 10**0.6)),
    "nakagami": (Nakagami(snr_db=0.0, m=2.5, coherence_s=1.0), lambda order, snr: rates.nakagami_bit_errors(order, snr, 2.5)),
}


@pytest.mark.parametrize("kind", FADERS)
@pytest.mark.parametrize("order", ORDERS)
def test_symbols_through_noise_and_fading(order: int, kind: str) -> None:
    """Mapped, faded, with noise, decided: every place of a symbol errs as often as the closed form says, at two SNRs.

    Symbols have a gain each and are independent, so errors at one place are binomial: 4.5 standard deviations.
    """
    channel, exact = FADERS[kind]
    symbols = 100_000
    generator = torch.Generator().manual_seed(order)
    gain = channel.draws(0.0, symbols, key=order).gain
    gain = np.broadcast_to(gain, symbols) if len(gain) == 1 else gain
    modulation = Modulation(order)
    bits = torch.randint(0, 2, (symbols * order,), generator=generator)
    for snr_db in (3.0 * order - 3.0, 3.0 * order + 5.0):
        snr = 10.0 ** (snr_db / 10.0)
        spread = torch.from_numpy(np.sqrt(0.5 / (gain * snr)).astype(np.float32))
        noise = torch.complex(*(torch.randn(symbols, generator=generator) * spread for _ in range(2)))
        wrong = (modulation.hard(modulation.map(bits) + noise) != bits).double().view(symbols, order).mean(dim=0).numpy()
        expected = exact(order, np.array([snr]))[:, 0]
        assert (np.abs(wrong - expected) <= SIGMA * np.sqrt(expected * (1.0 - expected) / symbols) + 1.0 / symbols).all()
