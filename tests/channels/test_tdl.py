"""Tapped delay lines: profiles, frequency response, effective SNR, OFDM (phy.md 4; 15, row 11)."""

import math

import numpy as np
import pytest
import torch
from scipy import special, stats

from channels import Rayleigh
from channels.ofdm import band, equalise, receive, seen
from channels.profiles import profile
from channels.tdl import TDL

SIGMA = 4.5
NAMES = ["A", "B", "C", "D", "E"]
TAPS = {"A": 23, "B": 23, "C": 24, "D": 13, "E": 14}
LINKS = 3000


def assert_mean(samples: np.ndarray, expected: float) -> None:
    """The mean of independent samples lies within 4.5 of its standard errors."""
    assert abs(samples.mean() - expected) <= SIGMA * samples.std() / math.sqrt(len(samples))


def line(name: str, **knobs: object) -> TDL:
    given = {"snr_db": 10.0, "delay_spread_s": 100e-9, "bandwidth_hz": 20e6, **knobs}
    timed = {"coherence_s": 1e-3} if not {"doppler_hz", "speed_mps"} & set(knobs) else {}
    return TDL(profile=name, **given, **timed)


@pytest.mark.parametrize("name", NAMES)
def test_profiles_add_up(name: str) -> None:
    """Powers sum to 1 and the rms delay spread to 1 (D 0.994): a typo in a table would show here."""
    found = profile(name)
    assert len(found.delays) == len(found.powers) == TAPS[name]
    assert found.powers.sum() + found.direct == pytest.approx(1.0)
    assert found.delay_spread == pytest.approx(0.994 if name == "D" else 1.0, abs=1e-3 if name == "D" else 3e-4)
    strongest = {"A": 0.0, "B": 0.0, "C": 0.0, "D": 13.3, "E": 22.0}[name]
    if found.direct:
        assert 10 * math.log10(found.direct / found.powers[0]) == pytest.approx(strongest)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("time", ["block", "clarke"])
def test_response_over_links(name: str, time: str) -> None:
    """E|H|^2 = 1, E H(f) H*(f + d) = sum p e^(j 2 pi d tau), and with memory J0 over time."""
    doppler = 20.0
    channel = line(name, doppler_hz=doppler, time=time)
    frequencies = np.array([0.0, 0.5e6, 2e6, 7e6])
    lag = 0.2 / doppler
    response = np.stack([channel.frequency_response([3.0, 3.0 + lag], key, frequencies) for key in range(LINKS)])
    for place, frequency in enumerate(frequencies):
        assert_mean(np.abs(response[:, 0, place]) ** 2, 1.0)
        product = response[:, 0, 0] * response[:, 0, place].conj()
        expected = complex(profile(name).frequency_correlation(frequency, 100e-9))
        if place:
            assert_mean(product.real, expected.real)
            assert_mean(product.imag, expected.imag)
    if time == "clarke":
        direct = profile(name).direct
        over_time = response[:, 1, 0] * response[:, 0, 0].conj()
        expected = (1.0 - direct) * special.j0(2 * math.pi * 0.2) + direct * np.exp(2j * math.pi * 0.7 * 0.2)
        assert_mean(over_time.real, expected.real)
        assert_mean(over_time.imag, expected.imag)


def test_taps_have_the_profiles_powers() -> None:
    """Seen through a band wide enough to tell delays of TDL-A at 1 us apart: the mean power-delay profile, tap by tap."""
    channel = line("A", delay_spread_s=1e-6)
    frequencies = band(400e6, 8192)  # bins of 2.5 ns
    power = np.zeros(8192)
    links = 200
    for key in range(links):
        power += np.abs(np.fft.ifft(channel.frequency_response([0.0], key, frequencies)[0])) ** 2 / links
    bins = np.rint(profile("A").delays * 1e-6 * 400e6).astype(int)
    for place in (1, 9, 12, 16, 22):  # taps whose neighbours are far away; a tap leaks into at most three bins either side
        near = power[bins[place] - 3 : bins[place] + 4].sum()
        assert near == pytest.approx(profile("A").powers[place], rel=SIGMA / math.sqrt(links) + 0.08)


def test_every_subcarrier_of_a_line_without_direct_path_fades_as_rayleigh() -> None:
    channel = line("C")
    gains = np.array([np.abs(channel.frequency_response([0.0], key)[0, 11]) ** 2 for key in range(LINKS)])
    assert stats.kstest(gains, "expon").pvalue > 7e-6


def test_no_delay_spread_is_flat_fading() -> None:
    """All taps at delay 0 add up to one CN(0, 1): TDL is Rayleigh, and its effective SNR the SNR."""
    flat = line("B", delay_spread_s=0.0)
    draws = flat.draws(0.0, 50_000, key=1)
    np.testing.assert_allclose(draws.snr, 10.0 * draws.gain, rtol=1e-5)
    assert stats.kstest(draws.gain, "expon").pvalue > 7e-6
    assert np.log2(1.0 + draws.snr).mean() == pytest.approx(Rayleigh(snr_db=10.0, coherence_s=1.0).ergodic_capacity(), rel=0.02)


def test_effective_snr_carries_what_the_subcarriers_carry() -> None:
    """The mean capacity over blocks is that of Rayleigh fading whatever the delay spread; its spread shrinks with it."""
    wide, narrow = line("A", delay_spread_s=1e-6), line("A", delay_spread_s=1e-8)
    capacity = Rayleigh(snr_db=10.0, coherence_s=1.0).ergodic_capacity()
    carried = [np.log2(1.0 + channel.draws(0.0, 20_000, key=2).snr) for channel in (wide, narrow)]
    for seen_by in carried:
        assert_mean(seen_by, capacity)
    assert carried[0].std() < 0.5 * carried[1].std()
    draws = wide.draws(0.25e-3, 1, key=3)
    power = np.abs(wide.frequency_response([0.25e-3], 3)[0]) ** 2
    assert draws.gain[0] == pytest.approx(power.mean(), rel=1e-5)
    assert draws.snr[0] == pytest.approx(2.0 ** np.log2(1.0 + 10.0 * power).mean() - 1.0, rel=1e-5)
    assert np.isinf(seen(np.ones((3, 4), dtype=np.complex64), math.inf)[1]).all()


def test_response_is_a_function_of_time() -> None:
    channel, other = (line("D", speed_mps=3.0, time="clarke") for _ in range(2))
    times = [7.0, 1e6, 0.01]
    together = channel.frequency_response(times, key=4)
    alone = np.concatenate([other.frequency_response([time], key=4) for time in times[::-1]])[::-1]
    np.testing.assert_allclose(together, alone, atol=3e-6)
    block = channel.timing.block_s
    middle = np.abs(channel.frequency_response([(1000 + 0.5) * block], key=4)[0]) ** 2
    assert channel.draws(1000.2 * block, 1, key=4).gain[0] == pytest.approx(middle.mean(), rel=1e-4)


def test_slots_of_many_links_are_the_same_responses() -> None:
    channel, grid = line("E", doppler_hz=100.0, time="clarke"), band(612 * 30e3, 612)
    slots = channel.slot_responses(2.0, 0.5e-3 / 14, 14, range(3), grid)
    assert slots.shape == (3, 14, 612)
    times = 2.0 + 0.5e-3 / 14 * np.arange(14)
    for key in range(3):
        np.testing.assert_allclose(slots[key], channel.frequency_response(times, key, grid), atol=1e-5)
    with pytest.raises(ValueError, match="clarke"):
        line("A").slot_responses(0.0, 1e-3, 1, range(1), grid)


def test_a_static_line_never_changes() -> None:
    channel = TDL(snr_db=0.0, profile="A", delay_spread_s=1e-7, bandwidth_hz=1e6, subcarriers=4, coherence_s=math.inf)
    assert channel.draws(5.0, 3, key=1).seconds.tolist() == [math.inf]
    assert np.array_equal(channel.frequency_response([0.0], 1), channel.frequency_response([9e9], 1))


def test_received_symbols_have_the_announced_snr() -> None:
    """Noise is set by the SNR, not by what a fade left over; 4.5 sigma of the mean of n exponential variables."""
    generator = torch.Generator().manual_seed(1)
    response = torch.from_numpy(line("A").frequency_response([0.0], 1, band(20e6, 600)))
    x = torch.randn(200, 600, dtype=torch.complex64, generator=generator)
    y = receive(x, response, 10.0, generator)
    noise = (y - x * response).abs().double().square()
    assert float(noise.mean()) == pytest.approx(0.1, rel=SIGMA / math.sqrt(noise.numel()))
    assert torch.equal(receive(x, response, math.inf, generator), x * response)
    zf = (equalise(y, response, 10.0, "zf") - x).abs().double().square().mean(dim=0)
    expected = 0.1 / response.abs().double().square()[0]
    assert float((zf / expected).mean()) == pytest.approx(1.0, rel=SIGMA / math.sqrt(noise.numel()))
    mmse = (equalise(y, response, 10.0, "mmse") - x).abs().double().square().mean(dim=0)
    expected = 1.0 / (1.0 + 10.0 * response.abs().double().square()[0])
    assert float((mmse / expected).mean()) == pytest.approx(1.0, rel=SIGMA * 1.5 / math.sqrt(noise.numel()))


def test_gradients_pass_through_ofdm() -> None:
    x = torch.ones(2, 8, dtype=torch.complex64).requires_grad_()
    response = torch.full((1, 8), 0.5 + 0.5j, dtype=torch.complex64)
    y = receive(x, response, 100.0, torch.Generator().manual_seed(1))
    [gradient] = torch.autograd.grad(torch.view_as_real(y).sum(), x)
    assert torch.allclose(gradient, torch.full_like(gradient, 1.0 + 0.0j))  # (1 + 1j) times conj(0.5 + 0.5j)


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"profile": "F"}, "profile"),
        ({"delay_spread_s": -1.0}, "delay_spread_s"),
        ({"delay_spread_s": math.inf}, "delay_spread_s"),
        ({"bandwidth_hz": 0.0}, "bandwidth_hz"),
        ({"subcarriers": 0}, "subcarriers"),
        ({"time": "gauss_markov"}, "time"),
        ({"coherence_s": 0.0}, "coherence_s"),
        ({"snr_db": math.nan}, "snr_db"),
    ],
)
def test_impossible_knobs_are_refused(knobs: dict[str, object], said: str) -> None:
    good = {"snr_db": 1.0, "profile": "A", "delay_spread_s": 1e-7, "bandwidth_hz": 1e6, "coherence_s": 1.0}
    with pytest.raises(ValueError, match=said):
        TDL(**{**good, **knobs})


def test_impossible_symbols_are_refused() -> None:
    x, response = torch.ones(4, dtype=torch.complex64), torch.ones(4, dtype=torch.complex64)
    with pytest.raises(TypeError, match="complex"):
        receive(x.real, response, 1.0, torch.Generator())
    with pytest.raises(ValueError, match="snr"):
        receive(x, response, 0.0, torch.Generator())
    with pytest.raises(ValueError, match="equaliser"):
        equalise(x, response, 1.0, "dfe")
