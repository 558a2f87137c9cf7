"""Rayleigh, Rician and Nakagami fading: law, outage, capacity and special cases (phy.md 15, rows 3, 5 and 23)."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats

from channels import AWGN, crossings, laws, theory
from channels.nakagami import Nakagami
from channels.rayleigh import Rayleigh
from channels.rician import Rician

SIGMA = 4.5
BLOCKS = 100_000
Fader = Callable[..., Rician | Nakagami | Rayleigh]

FADERS: dict[str, tuple[Fader, object]] = {  # a channel, and the law of its gain
    "rayleigh": (Rayleigh, stats.expon),
    "rician_3db": (lambda **knobs: Rician(k_db=3.0, **knobs), stats.ncx2(2.0, 2.0 * 10**0.3, scale=0.5 / (10**0.3 + 1.0))),
    "rician_12db": (lambda **knobs: Rician(k_db=12.0, **knobs), stats.ncx2(2.0, 2.0 * 10**1.2, scale=0.5 / (10**1.2 + 1.0))),
    "nakagami_half": (lambda **knobs: Nakagami(m=0.5, **knobs), stats.gamma(0.5, scale=2.0)),
    "nakagami_4": (lambda **knobs: Nakagami(m=4.0, **knobs), stats.gamma(4.0, scale=0.25)),
}


@pytest.fixture(params=sorted(FADERS))
def fader(request: pytest.FixtureRequest) -> tuple[Fader, object]:
    return FADERS[request.param]


def assert_mean(samples: np.ndarray, expected: float) -> None:
    """The mean of independent samples lies within 4.5 of its standard errors."""
    assert abs(samples.mean() - expected) <= SIGMA * samples.std() / math.sqrt(len(samples))


def test_gains_have_the_law_they_name(fader: tuple[Fader, object]) -> None:
    """Kolmogorov-Smirnov at the level of 4.5 sigma; 1e5 blocks tell distributions 0.8 % apart."""
    make, law = fader
    channel = make(snr_db=0.0, coherence_s=0.01)
    gains = channel.draws(0.0, BLOCKS, key=1).gain
    assert stats.kstest(gains, law.cdf).pvalue > 7e-6
    levels = np.array([1e-3, 0.05, 0.5, 1.0, 3.0])
    np.testing.assert_allclose(channel.cdf(levels), law.cdf(levels), rtol=1e-7, atol=1e-12)
    probabilities = np.linspace(0.01, 0.99, 9)
    np.testing.assert_allclose(channel.quantile(probabilities), law.ppf(probabilities), rtol=1e-6)
    assert_mean(gains, 1.0)


@pytest.mark.parametrize("rate", [0.5, 2.0, 3.0])
def test_outage(fader: tuple[Fader, object], rate: float) -> None:
    """n blocks, probability p: standard deviation sqrt(p (1 - p) / n)."""
    make, law = fader
    channel = make(snr_db=10.0, coherence_s=0.01)
    expected = float(law.cdf((2.0**rate - 1.0) / 10.0))
    assert channel.outage_probability(rate) == pytest.approx(expected, rel=1e-6)
    snr = channel.draws(0.0, BLOCKS, key=2).snr
    lost = float(np.mean(np.log2(1.0 + snr) < rate))
    assert abs(lost - expected) <= SIGMA * math.sqrt(expected * (1.0 - expected) / BLOCKS) + 1.0 / BLOCKS
    assert channel.outage_probability(channel.outage_capacity(0.02)) == pytest.approx(0.02, rel=1e-6)


@pytest.mark.parametrize("snr_db", [-5.0, 10.0, 30.0])
def test_ergodic_capacity(fader: tuple[Fader, object], snr_db: float) -> None:
    make, law = fader
    channel = make(snr_db=snr_db, coherence_s=0.01)
    snr = 10.0 ** (snr_db / 10.0)

    def integrand(u: float) -> float:
        return float(law.pdf(math.exp(u)) * math.exp(u) * math.log2(1.0 + snr * math.exp(u)))

    expected = integrate.quad(integrand, -60.0, 0.0, limit=200)[0] + integrate.quad(integrand, 0.0, 5.0, limit=200)[0]
    assert channel.ergodic_capacity() == pytest.approx(expected, rel=1e-6)
    assert_mean(np.log2(1.0 + channel.draws(0.0, BLOCKS, key=3).snr), expected)
    assert channel.ergodic_capacity() < AWGN(snr_db=snr_db).capacity()  # Jensen


def averaged_qpsk(law: object, snr: float) -> float:
    """Q(sqrt snr g) averaged over the law, by quadrature over quantiles of ln g."""

    def integrand(u: float) -> float:
        gain = math.exp(u)
        return float(law.pdf(gain) * gain * theory.ber_qpsk(snr * gain))

    return integrate.quad(integrand, -60.0, 0.0, limit=400)[0] + integrate.quad(integrand, 0.0, 5.0, limit=400)[0]


def test_bit_error_rate_of_qpsk_over_many_fades(fader: tuple[Fader, object]) -> None:
    """One symbol a block. The two bits of a symbol share a fade, so the symbols are the independent samples."""
    make, law = fader
    channel = make(snr_db=6.0, coherence_s=0.01)
    bits = torch.randint(2, (BLOCKS, 2), generator=torch.Generator().manual_seed(1)) * 2.0 - 1.0
    arrived = channel.apply(bits, channel.draws(0.0, BLOCKS, key=4), torch.Generator().manual_seed(2))
    errors = (arrived.sign() != bits).double().mean(dim=1).numpy()
    assert_mean(errors, averaged_qpsk(law, 10.0**0.6))


def test_nakagami_of_integer_m_has_its_closed_form() -> None:
    """((1-u)/2)^m sum_k C(m-1+k, k) ((1+u)/2)^k, u = sqrt(a s / (m + a s)), a = 1/2 for QPSK (phy.md 5.3)."""
    for m in (1, 2, 5):
        u = math.sqrt(0.5 * 4.0 / (m + 0.5 * 4.0))
        closed = ((1 - u) / 2) ** m * sum(math.comb(m - 1 + k, k) * ((1 + u) / 2) ** k for k in range(m))
        assert averaged_qpsk(stats.gamma(m, scale=1 / m), 4.0) == pytest.approx(closed, rel=1e-6)


def test_special_cases_are_the_general_ones() -> None:
    """K = 0 and m = 1 are Rayleigh fading; K and m without end are no fading at all."""
    levels = np.array([1e-4, 0.1, 1.0, 5.0])
    for channel in (Rician(snr_db=10.0, k_db=-math.inf, coherence_s=0.01), Nakagami(snr_db=10.0, m=1.0, coherence_s=0.01)):
        np.testing.assert_allclose(channel.cdf(levels), laws.rayleigh_cdf(levels), rtol=1e-9)
        assert channel.ergodic_capacity() == pytest.approx(Rayleigh(snr_db=10.0, coherence_s=1.0).ergodic_capacity(), rel=1e-9)
        assert stats.kstest(channel.draws(0.0, BLOCKS, key=1).gain, "expon").pvalue > 7e-6
    steady = AWGN(snr_db=10.0)
    for channel in (Rician(snr_db=10.0, k_db=60.0, coherence_s=0.01), Nakagami(snr_db=10.0, m=1e6, coherence_s=0.01)):
        assert channel.ergodic_capacity() == pytest.approx(steady.capacity(), rel=1e-5)
        np.testing.assert_allclose(channel.draws(0.0, 1000, key=1).gain, 1.0, atol=0.01)
    for clarke in (
        Rician(snr_db=0.0, k_db=-math.inf, doppler_hz=9.0, time="clarke"),
        Nakagami(snr_db=0.0, m=1.0, doppler_hz=9.0, time="clarke"),
    ):
        rayleigh = Rayleigh(snr_db=0.0, doppler_hz=9.0, time="clarke")
        np.testing.assert_allclose(clarke.draws(5.0, 700, key=3).gain, rayleigh.draws(5.0, 700, key=3).gain, rtol=1e-9)


@pytest.mark.parametrize("time", ["clarke", "gauss_markov"])
def test_memory_changes_no_law(fader: tuple[Fader, object], time: str) -> None:
    """4000 links at one instant; 32 waves of equal amplitude are 2 % rarer in deep fades than they should be (phy.md 3.1)."""
    make, law = fader
    channel = make(snr_db=0.0, doppler_hz=20.0, time=time)
    gains = np.array([channel.draws(0.31, 1, key).gain[0] for key in range(4000)])
    distance = stats.kstest(gains, law.cdf).statistic
    assert distance < SIGMA * 0.5 / math.sqrt(4000) + (0.006 if time == "clarke" else 0.0)
    assert_mean(gains, 1.0)


def test_rician_crossings() -> None:
    """Level-crossing rate and mean fade of a direct path without Doppler shift, 60 links, 1 % for the steps of 1/(125 f_D)."""
    doppler, k = 40.0, 10**0.5
    channel = Rician(snr_db=0.0, k_db=5.0, doppler_hz=doppler, time="clarke", coherence_s=1 / (125 * doppler), los_doppler=0.0)
    for ratio in (0.5, 1.0):
        expected = crossings.rician_crossing_rate(ratio, doppler, k)
        rate, duration = _crossed(channel, ratio)
        assert abs(rate.mean() - expected) <= SIGMA * rate.std() / math.sqrt(len(rate)) + 0.01 * expected
        expected = crossings.rician_fade_duration(ratio, doppler, k)
        assert abs(duration.mean() - expected) <= SIGMA * duration.std() / math.sqrt(len(duration)) + 0.02 * expected
    assert crossings.rician_crossing_rate(0.7, 5.0, 0.0) == pytest.approx(crossings.rayleigh_crossing_rate(0.7, 5.0))
    assert crossings.rician_fade_duration(0.7, 5.0, 0.0) == pytest.approx(crossings.rayleigh_fade_duration(0.7, 5.0))


def test_nakagami_crossings() -> None:
    doppler, m = 40.0, 2.5
    channel = Nakagami(snr_db=0.0, m=m, doppler_hz=doppler, time="clarke", coherence_s=1 / (125 * doppler))
    for ratio in (0.5, 1.0):
        expected = crossings.nakagami_crossing_rate(ratio, doppler, m)
        rate, duration = _crossed(channel, ratio)
        assert abs(rate.mean() - expected) <= SIGMA * rate.std() / math.sqrt(len(rate)) + 0.02 * expected
        expected = crossings.nakagami_fade_duration(ratio, doppler, m)
        assert abs(duration.mean() - expected) <= SIGMA * duration.std() / math.sqrt(len(duration)) + 0.03 * expected
    assert crossings.nakagami_crossing_rate(0.7, 5.0, 1.0) == pytest.approx(crossings.rayleigh_crossing_rate(0.7, 5.0))
    assert crossings.nakagami_fade_duration(0.7, 5.0, 1.0) == pytest.approx(crossings.rayleigh_fade_duration(0.7, 5.0))


@pytest.mark.parametrize(("ratio", "m"), [(0.01, 5.0), (0.3, 20.0), (0.3, 50.0)])
def test_nakagami_crossings_of_rare_fades(ratio: float, m: float) -> None:
    """Where P = F(rho^2) is tiny, P = (m rho^2)^m e^(-m rho^2) / Gamma(m + 1) sum_k (m rho^2)^k / ((m + 1) ... (m + k))."""
    x = m * ratio**2
    terms = np.cumprod(x / (m + np.arange(1.0, 60.0)))
    below = math.exp(m * math.log(x) - x - special.gammaln(m + 1.0)) * (1.0 + terms.sum())
    rate = math.sqrt(2.0 * math.pi * below) * 7.0  # the level of equal probability of |h|^2 is P, and e^(-P) is 1
    assert crossings.nakagami_crossing_rate(ratio, 7.0, m) == pytest.approx(rate, rel=1e-5)
    assert crossings.nakagami_fade_duration(ratio, 7.0, m) == pytest.approx(below / rate, rel=1e-5)


def test_nakagami_crossings_of_levels_that_are_never_reached() -> None:
    assert crossings.nakagami_crossing_rate(10.0, 7.0, 50.0) == 0.0


@pytest.mark.parametrize("make", [Rayleigh, FADERS["rician_3db"][0], FADERS["nakagami_4"][0]])
def test_without_noise_everything_is_carried(make: Fader) -> None:
    channel = make(snr_db=math.inf, coherence_s=1.0)
    assert channel.ergodic_capacity() == channel.outage_capacity(0.0) == channel.outage_capacity(0.1) == math.inf
    assert channel.outage_probability(4.0) == 0.0


def _crossed(channel: Rician | Nakagami, ratio: float, links: int = 60, blocks: int = 100_000) -> tuple[np.ndarray, np.ndarray]:
    """Downward crossings per second and mean time below the level, of each link."""
    rates, durations = [], []
    for key in range(links):
        draws = channel.draws(0.0, blocks, key)
        below = draws.gain < ratio**2
        down = int((below[1:] & ~below[:-1]).sum())
        rates.append(down / draws.seconds.sum())
        durations.append(float(draws.seconds[below].sum()) / down)
    return np.array(rates), np.array(durations)


def test_a_direct_path_turns_at_its_own_speed() -> None:
    """E h(t) h*(t+u) of the direct path alone cannot be seen in |h|^2; its beat with the scattered paths can."""
    still = Rician(snr_db=0.0, k_db=20.0, doppler_hz=10.0, time="clarke", los_doppler=0.0)
    moving = Rician(snr_db=0.0, k_db=20.0, doppler_hz=10.0, time="clarke", los_doppler=1.0)
    assert not np.allclose(still.draws(1.0, 50, key=1).gain, moving.draws(1.0, 50, key=1).gain)
    # To first order in 1/sqrt(K), g - 1 is the scatter along the direct path: its autocorrelation is J0 cos(2 pi f_S lag).
    lag, wanted = 10, []
    for key in range(3000):
        deviation = moving.draws(1.0, 1 + lag, key).gain - 1.0
        wanted.append(deviation[0] * deviation[lag] / (2.0 / 101.0))
    expected = special.j0(2 * math.pi * 0.1) * math.cos(2 * math.pi * 0.1)
    assert abs(np.mean(wanted) - expected) <= SIGMA * np.std(wanted) / math.sqrt(3000) + 0.01


def test_without_noise_a_fade_does_no_harm() -> None:
    channel = Nakagami(snr_db=math.inf, m=0.5, coherence_s=0.01)
    assert np.isinf(channel.draws(0.0, 100, key=0).snr).all()


def test_variance_of_rician_and_nakagami_agree() -> None:
    k = 4.0
    assert 1.0 / laws.nakagami_from_rician(k) == pytest.approx(float(stats.ncx2(2, 2 * k, scale=0.5 / (k + 1)).var()))


@pytest.mark.parametrize(
    ("make", "knobs", "said"),
    [
        (Rayleigh, {}, "coherence_s"),
        (Rayleigh, {"coherence_s": 0.01, "doppler_hz": 3.0}, "coherence_s"),
        (Rayleigh, {"doppler_hz": 3.0, "speed_mps": 1.0}, "speed_mps"),
        (Rayleigh, {"doppler_hz": 0.0}, "doppler_hz"),
        (Rayleigh, {"speed_mps": math.inf}, "speed_mps"),
        (Rayleigh, {"speed_mps": 1.0, "carrier_hz": -1.0}, "carrier_hz"),
        (Rayleigh, {"coherence_s": 0.01, "time": "clarke"}, "doppler_hz"),
        (Rayleigh, {"coherence_s": math.inf, "doppler_hz": 1.0, "time": "clarke"}, "coherence_s inf"),
        (Rayleigh, {"coherence_s": 0.01, "time": "jakes"}, "time"),
        (Rician, {"coherence_s": 0.01, "k_db": 61.0}, "k_db"),
        (Rician, {"coherence_s": 0.01, "k_db": math.nan}, "k_db"),
        (Rician, {"coherence_s": 0.01, "k_db": 3.0, "los_doppler": 1.5}, "los_doppler"),
        (Nakagami, {"coherence_s": 0.01, "m": 0.4}, "m must"),
        (Nakagami, {"coherence_s": 0.01, "m": math.nan}, "m must"),
    ],
)
def test_impossible_knobs_are_refused(make: Fader, knobs: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make(snr_db=10.0, **knobs)


def test_doppler_follows_from_speed_and_carrier() -> None:
    """30 km/h at 3.5 GHz are 97.3 Hz (phy.md 3.1)."""
    assert Rayleigh(snr_db=0.0, speed_mps=30 / 3.6).timing.doppler_hz == pytest.approx(97.29, abs=0.01)
    assert Rayleigh(snr_db=0.0, doppler_hz=10.0).timing.block_s == pytest.approx(0.0423)
    assert Rayleigh(snr_db=0.0, doppler_hz=10.0, time="clarke").timing.block_s == pytest.approx(0.001)
