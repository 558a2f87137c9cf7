"""Tapped delay lines against an independent implementation: NVIDIA's Sionna, where it is installed."""

import importlib.util
import math

import numpy as np
import pytest
from scipy import special

from channels.profiles import profile
from channels.sionna_tdl import SionnaTDL
from channels.tdl import TDL

SIGMA = 4.5
LINKS = 300
NAMES = ["A", "B", "C", "D", "E"]
needs_sionna = pytest.mark.skipif(
    importlib.util.find_spec("sionna") is None, reason="needs sionna-no-rt: pip install 'edgesim[sionna]'"
)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)  # as where it is not installed
    with pytest.raises(ValueError, match=r"edgesim\[sionna\]"):
        SionnaTDL(snr_db=1.0, profile="A", delay_spread_s=1e-7, bandwidth_hz=1e6, doppler_hz=10.0)


@pytest.mark.sionna
@needs_sionna
@pytest.mark.parametrize("name", NAMES)
def test_tables_are_the_same(name: str) -> None:
    from sionna.phy.channel import tr38901

    reference = tr38901.TDL(name, 1e-7, 3.5e9, device="cpu")
    ours = profile(name)
    powers = ours.powers.copy()
    powers[0] += ours.direct  # theirs has the direct path within the first tap
    np.testing.assert_allclose(reference.mean_powers.numpy(), powers, rtol=1e-5)
    np.testing.assert_allclose(reference.delays.numpy(), ours.delays * 1e-7, rtol=1e-5, atol=1e-15)


@pytest.mark.sionna
@needs_sionna
@pytest.mark.parametrize("name", ["A", "D"])
def test_statistics_are_the_same(name: str) -> None:
    """Over links: power, correlation over frequency and over time, and the spread of the effective SNR."""
    knobs = {"snr_db": 10.0, "profile": name, "delay_spread_s": 300e-9, "bandwidth_hz": 20e6, "doppler_hz": 50.0}
    frequencies = np.array([0.0, 0.4e6, 3e6])
    times = [0.1, 0.1 + 0.3 / 50.0]
    seen = []
    for channel in (TDL(**knobs, time="clarke"), SionnaTDL(**knobs)):
        response = np.stack([channel.frequency_response(times, key, frequencies) for key in range(LINKS)])
        capacity = np.array([math.log2(1.0 + channel.draws(0.1, 1, key).snr[0]) for key in range(LINKS)])
        over_frequency = response[:, 0, 0, None] * response[:, 0, 1:].conj()
        over_time = response[:, 1, 0] * response[:, 0, 0].conj()
        columns = [
            np.abs(response[:, 0, 0]) ** 2,
            *over_frequency.T.real,
            *over_frequency.T.imag,
            over_time.real,
            over_time.imag,
        ]
        seen.append(np.stack([*columns, capacity, capacity**2], axis=-1))
    ours, theirs = seen
    error = np.sqrt((ours.var(axis=0) + theirs.var(axis=0)) / LINKS)
    np.testing.assert_array_less(np.abs(ours.mean(axis=0) - theirs.mean(axis=0)), SIGMA * error)
    direct = profile(name).direct
    expected = (1.0 - direct) * special.j0(2 * math.pi * 0.3) + direct * np.exp(2j * math.pi * 0.7 * 0.3)
    for column, part in ((5, expected.real), (6, expected.imag)):
        assert abs(theirs[:, column].mean() - part) <= SIGMA * theirs[:, column].std() / math.sqrt(LINKS)


@pytest.mark.sionna
@needs_sionna
def test_its_realisations_belong_to_time_and_link() -> None:
    make = lambda: SionnaTDL(snr_db=1.0, profile="A", delay_spread_s=1e-7, bandwidth_hz=1e6, doppler_hz=10.0)  # noqa: E731
    one, other = make(), make()
    late = one.draws(1e5, 5, key=3).gain
    other.draws(0.0, 700, key=3)
    assert np.array_equal(other.draws(1e5, 5, key=3).gain, late)
    assert not np.array_equal(other.draws(1e5, 5, key=4).gain, late)
