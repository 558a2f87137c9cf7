"""Clarke's and the Gauss-Markov process: correlation, evaluation in any order and late in time (phy.md 15, rows 6 and 7)."""

import math

import numpy as np
import pytest
from scipy import special

from channels import crossings
from channels.blocks import CHUNK
from channels.doppler import SINUSOIDS, Clarke, GaussMarkov

SIGMA = 4.5
LINKS = 20_000


def assert_mean(samples: np.ndarray, expected: float) -> None:
    """The mean of independent samples lies within 4.5 of its standard errors."""
    assert abs(samples.mean() - expected) <= SIGMA * samples.std() / math.sqrt(len(samples))


def many(process: Clarke, times_s: list[float]) -> np.ndarray:
    """Gains of independent links at the same instants, [links, times]: the paths of one key are independent."""
    return process.at(times_s, key=0)


@pytest.fixture(scope="module", params=["equal", "gaussian"])
def pairs(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    """Lags and gains; lags in units of 1/f_D, the third is the first zero of J0."""
    lags = np.array([0.0, 0.05, 0.2, 0.3827399, 0.6, 1.0, 2.2])
    gains = many(Clarke(50.0, paths=LINKS, amplitudes=request.param), list(3.3 + lags / 50.0))
    return lags, gains


def test_autocorrelation_is_j0(pairs: tuple[np.ndarray, np.ndarray]) -> None:
    lags, gains = pairs
    for place, lag in enumerate(lags):
        product = gains[:, place] * gains[:, 0].conj()
        expected = special.j0(2.0 * math.pi * lag)
        assert crossings.clarke_autocorrelation(lag / 50.0, 50.0) == pytest.approx(expected)
        if lag:
            assert_mean(product.real, expected)
            assert_mean(product.imag, 0.0)
    assert abs(special.j0(2.0 * math.pi * lags[3])) < 1e-5


def test_gains_are_circular(pairs: tuple[np.ndarray, np.ndarray]) -> None:
    _, gains = pairs
    for part in (gains[:, 1].real, gains[:, 1].imag, (gains[:, 1] ** 2).real, (gains[:, 1] ** 2).imag):
        assert_mean(part, 0.0)


@pytest.mark.parametrize("sinusoids", [4, 8, SINUSOIDS])
def test_fourth_moment_of_few_waves(sinusoids: int) -> None:
    """E|h|^4 = 2 - 1/N with equal amplitudes, 2 with Gaussian ones."""
    equal = many(Clarke(1.0, LINKS, sinusoids), [0.7])[:, 0]
    assert_mean(np.abs(equal) ** 2, 1.0)
    assert_mean(np.abs(equal) ** 4, 2.0 - 1.0 / sinusoids)
    gaussian = many(Clarke(1.0, LINKS, sinusoids, "gaussian"), [0.7])[:, 0]
    assert_mean(np.abs(gaussian) ** 4, 2.0)
    deep = (np.abs(gaussian) ** 2 < 0.1).astype(float)
    assert_mean(deep, -math.expm1(-0.1))


def test_equal_amplitudes_have_power_one_over_time() -> None:
    """Cross terms of waves of different shifts average out; what is left after 1e5 periods is far below a per cent."""
    for key in range(5):
        gains = Clarke(100.0).evenly(0.0, 0.0217, 50_000, key)[0]
        assert abs(np.mean(np.abs(gains) ** 2) - 1.0) < 0.05


def test_evaluation_is_order_free() -> None:
    process, again = Clarke(80.0), Clarke(80.0)
    together = process.at([3.0, 1e6, 0.25], key=7)
    swapped = again.at([0.25, 3.0, 1e6], key=7)
    np.testing.assert_allclose(together[0, [2, 0, 1]], swapped[0], rtol=0, atol=1e-6)
    alone = [process.at(time, key=7)[0] for time in (3.0, 1e6, 0.25)]
    np.testing.assert_allclose(together[0], alone, rtol=0, atol=1e-6)
    assert process.at(np.zeros((2, 3)), key=7).shape == (1, 2, 3)


def test_late_phases_are_exact() -> None:
    """At t = 1e6 s and 100 Hz, against the same sum with integer arithmetic for the number of cycles."""
    from fractions import Fraction

    process, time = Clarke(100.0), 1e6 + 0.125
    waves = process.waves(3)
    exact = 0j
    for hz, cycles, amplitude in zip(waves.hz[0], waves.cycles[0], waves.amplitude[0], strict=True):
        turns = Fraction(float(hz)) * Fraction(time) + Fraction(float(cycles))
        exact += amplitude * np.exp(2j * math.pi * float(turns % 1))
    assert abs(process.at(time, key=3)[0] - exact) < 1e-6
    assert abs(process.evenly(1e6, 0.125, 5, key=3)[0, 1] - exact) < 1e-6


@pytest.mark.parametrize("count", [1, 2, 7, 512])
def test_even_steps_are_the_same_process(count: int) -> None:
    process = Clarke(70.0, paths=3)
    times = 12.5 + 1e-3 * np.arange(count)
    np.testing.assert_allclose(process.evenly(12.5, 1e-3, count, key=2), process.at(times, key=2), rtol=0, atol=3e-6)


def test_links_and_paths_are_independent() -> None:
    times = np.arange(3000) / 3.7
    one, other = Clarke(10.0, paths=2).at(times, key=1), Clarke(10.0, paths=2).at(times, key=2)
    bound = SIGMA / math.sqrt(300)  # at least 300 coherence times among the 3000 samples
    for a, b in ((one[0], one[1]), (one[0], other[0]), (one[1], other[1])):
        assert abs(np.mean(a * b.conj())) < bound


@pytest.mark.parametrize("ratio", [0.3, 1.0])
def test_level_crossings_and_fades(ratio: float) -> None:
    """Crossings per second and mean fade of 96 links over 1200 periods each, 1 % for the steps of 1/(150 f_D)."""
    doppler, step, links, count = 40.0, 1.0 / (150.0 * 40.0), 96, 1_080_000
    rates, durations = [], []
    for key in range(links):
        power = np.abs(Clarke(doppler, sinusoids=64).evenly(0.0, step, count // 6, key)[0]) ** 2
        below = power < ratio**2
        crossings_down = int((below[1:] & ~below[:-1]).sum())
        rates.append(crossings_down / (count / 6 * step))
        durations.append((below.sum() * step, crossings_down))
    rate = np.array(rates)
    expected = math.sqrt(2.0 * math.pi) * doppler * ratio * math.exp(-(ratio**2))
    assert crossings.rayleigh_crossing_rate(ratio, doppler) == pytest.approx(expected)
    assert abs(rate.mean() - expected) <= SIGMA * rate.std(ddof=1) / math.sqrt(links) + 0.01 * expected
    time_below, crossed = np.array(durations).sum(axis=0)
    duration = crossings.rayleigh_fade_duration(ratio, doppler)
    assert duration * expected == pytest.approx(-math.expm1(-(ratio**2)))  # rate x duration = P(below)
    spread = np.array([below / max(crossed, 1) for below, crossed in durations]).std(ddof=1)
    assert abs(time_below / crossed - duration) <= SIGMA * spread / math.sqrt(links) + 0.01 * duration


def test_gauss_markov_has_the_law_of_its_recursion() -> None:
    """Within a chunk, across its ends, and in the chunk after; f_D T = 0.008 correlates whole chunks."""
    process = GaussMarkov(doppler_hz=4.0, block_s=0.002)
    assert process.step == pytest.approx(special.j0(2.0 * math.pi * 0.008))
    links = 2000
    gains = np.stack([np.concatenate([process.blocks(key, chunk)[0] for chunk in (0, 1)]) for key in range(links)])
    for at in (0, 17, CHUNK - 1, CHUNK):
        assert_mean(np.abs(gains[:, at]) ** 2, 1.0)
        assert_mean(np.abs(gains[:, at]) ** 4, 2.0)
        for lag in (1, 40, 300):
            assert_mean((gains[:, at + lag] * gains[:, at].conj()).real, process.step**lag)
            assert_mean((gains[:, at + lag] * gains[:, at].conj()).imag, 0.0)
    innovation = gains[:, 1:] - process.step * gains[:, :-1]
    for at in (5, CHUNK - 1, CHUNK):  # the innovations are white, also where chunks meet
        assert_mean(np.abs(innovation[:, at]) ** 2, 1.0 - process.step**2)
        assert_mean((innovation[:, at] * innovation[:, at - 1].conj()).real, 0.0)


def test_gauss_markov_may_swing() -> None:
    """Beyond the first zero of J0 neighbours are negatively correlated."""
    process = GaussMarkov(doppler_hz=10.0, block_s=0.06)
    assert process.step < 0
    gains = np.stack([process.blocks(key, 3)[0] for key in range(500)])
    products = (gains[:, 1:] * gains[:, :-1].conj()).real.mean(axis=1)
    assert_mean(products, process.step)


def test_gauss_markov_refuses_an_endless_memory() -> None:
    with pytest.raises(ValueError, match="clarke"):
        GaussMarkov(doppler_hz=1.0, block_s=1e-6)
    with pytest.raises(ValueError, match="clarke"):
        GaussMarkov(doppler_hz=0.0, block_s=1.0)


@pytest.mark.parametrize("wrong", [{"doppler_hz": -1.0}, {"doppler_hz": math.nan}, {"paths": 0}, {"sinusoids": 0}])
def test_impossible_waves_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Clarke(**{"doppler_hz": 1.0, **wrong})
    with pytest.raises(ValueError, match="amplitudes"):
        Clarke(1.0, amplitudes="odd")
