"""Information density of QAM against simulation, limits and the shipped table (phy.md 6.1)."""

import math
from importlib import resources

import numpy as np
import pytest

from channels import coding, density, gray, theory

SIGMA = 4.5


@pytest.mark.parametrize(("order", "snr_db"), [(1, -3.0), (2, 2.0), (4, 8.0), (6, 14.0), (8, 20.0)])
def test_against_simulation(order: int, snr_db: float) -> None:
    """The definition, symbol by symbol over both axes. Mean and variance within 4.5 standard errors."""
    n, snr, random = 25_000, 10.0 ** (snr_db / 10.0), np.random.default_rng(1)
    points = gray.symbols(order)
    label = np.arange(2**order)[:, None] >> np.arange(order - 1, -1, -1) & 1
    sent = random.integers(0, 2**order, n)
    y = points[sent] + (random.normal(size=n) + 1j * random.normal(size=n)) * math.sqrt(0.5 / snr)
    likely = np.exp(-snr * np.abs(y[:, None] - points) ** 2)  # [n, 2^order]
    told = np.zeros(n)
    for k in range(order):
        told += 1.0 - np.log2(likely.sum(axis=1) / (likely * (label[:, k] == label[sent, k][:, None])).sum(axis=1))
    mean, variance = density.density(order, snr)
    assert abs(told.mean() - mean) <= SIGMA * told.std() / math.sqrt(n)
    squared = (told - told.mean()) ** 2
    assert abs(squared.mean() - variance) <= SIGMA * squared.std() / math.sqrt(n)


@pytest.mark.parametrize("order", gray.BITS)
def test_limits(order: int) -> None:
    """Nothing without signal, everything without noise, never more than Shannon's capacity, and always more with more power."""
    assert density.density(order, 0.0) == (0.0, 0.0)
    mean, variance = density.density(order, 10.0**4.5)
    assert mean == pytest.approx(order, abs=1e-6)
    assert variance == pytest.approx(0.0, abs=1e-5)
    snrs = 10.0 ** np.arange(-1.0, 1.5, 0.5)
    means = np.array([density.density(order, float(snr))[0] for snr in snrs])
    assert (means < theory.capacity(snrs)).all()
    assert (np.diff(means) > 0).all()


def test_weak_signals_need_few_levels() -> None:
    """QPSK at low SNR carries the capacity of Gaussian inputs, snr / ln 2, to first order."""
    assert density.density(2, 1e-3)[0] == pytest.approx(1e-3 / math.log(2.0), rel=2e-3)


@pytest.mark.parametrize("order", density.ORDERS)
def test_the_shipped_table_is_what_the_generator_gives(order: int) -> None:
    with (resources.files("channels") / "data" / "density.npz").open("rb") as file, np.load(file) as stored:
        table = stored["density"][density.ORDERS.index(order)]  # [2, points]
    assert table.shape == (2, density.POINTS)
    for place in (0, 137, 260, 401, 650):
        snr = 10.0 ** ((density.LEAST_DB + density.STEP_DB * place) / 10.0)
        assert table[:, place] == pytest.approx(density.density(order, snr), abs=1e-6)


@pytest.mark.parametrize("order", gray.BITS)
def test_interpolation_between_the_points(order: int) -> None:
    """0.1 dB apart: the error of a line is below 1e-3 bit."""
    snr = 10.0 ** (np.array([-19.95, -3.33, 4.44, 12.345, 23.05, 40.01]) / 10.0)
    exact = np.array([density.density(order, float(each)) for each in snr]).T
    np.testing.assert_allclose(coding.information(order, snr), exact, atol=1e-3)


@pytest.mark.parametrize("order", gray.BITS)
def test_interpolation_beyond_the_table(order: int) -> None:
    snr = np.array([0.0, 1e-6, 1e-4, 1e6, math.inf])
    mean, variance = coding.information(order, snr)
    np.testing.assert_allclose(mean[:3], snr[:3] / math.log(2.0) * mean[2] * math.log(2.0) / 1e-4, atol=1e-12)
    for place in (1, 2):
        assert (mean[place], variance[place]) == pytest.approx(density.density(order, float(snr[place])), rel=0.02)
    assert mean[3:].tolist() == [order, order]
    assert variance[3:].tolist() == [0.0, 0.0]


def test_impossible_arguments_are_refused() -> None:
    for snr in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="snr must be finite"):
            density.density(4, snr)
    for snr in (-1.0, math.nan):
        with pytest.raises(ValueError, match="SNR must not be negative"):
            coding.information(4, np.array([1.0, snr]))
    with pytest.raises(ValueError, match="got 5"):
        density.density(5, 1.0)
