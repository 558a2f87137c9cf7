"""`python -m channels`: the drawn points lie on the drawn theory, and the command says what is wrong."""

import math
from pathlib import Path

import numpy as np
import pytest

from channels import correlations, curves
from channels.__main__ import main, make

SIGMA = 4.5


def named(channel, name: str, seed: int = 1) -> list[curves.Curve]:
    return next(figure for figure in curves.figures(channel, seed) if figure.name == name).curves


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curves, "SYMBOLS", 1 << 14)
    monkeypatch.setattr(curves, "LEVELS_DB", np.array([0.0, 10.0]))
    monkeypatch.setattr(curves, "LINKS", 150)
    monkeypatch.setattr(curves, "BLOCKS", 5000)


@pytest.mark.parametrize(
    "words",
    [
        "awgn snr_db=0",
        "rayleigh snr_db=0 coherence_s=1",
        "rician snr_db=0 k_db=5 coherence_s=1",
        "nakagami snr_db=0 m=2.5 coherence_s=1",
    ],
)
def test_measured_points_lie_on_theory(words: str) -> None:
    """Errors of one symbol come together: at most `bits` of them, so the variance is at most bits p/n."""
    kind, *knobs = words.split()
    channel = make(kind, knobs)
    for bits, curve in zip(curves.ORDERS, named(channel, "ber"), strict=True):
        sigma = np.sqrt(bits * curve.theory / (bits * curves.SYMBOLS))
        assert (np.abs(curve.theory - curve.measured) <= SIGMA * sigma + 1e-12).all()
    for curve in named(channel, "capacity")[:1]:
        assert curve.measured == pytest.approx(curve.theory, abs=SIGMA * 1.5 / math.sqrt(curves.BLOCKS))


def test_outage_and_correlation_of_rayleigh() -> None:
    channel = make("rayleigh", ["snr_db=0", "doppler_hz=10", "coherence_s=0.001", "time=clarke"])
    [curve] = named(channel, "correlation")
    assert np.abs(curve.theory - curve.measured).max() <= SIGMA * 3.0 / math.sqrt(curves.LINKS)
    blocks = make("rayleigh", ["snr_db=0", "coherence_s=1"])
    for curve in named(blocks, "outage"):
        sigma = np.sqrt(curve.theory * (1 - curve.theory) / curves.BLOCKS)
        assert (np.abs(curve.theory - curve.measured) <= SIGMA * sigma).all()


def test_a_gain_that_never_changes_has_no_correlation_over_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curves, "SYMBOLS", 64)
    monkeypatch.setattr(curves, "BLOCKS", 64)
    found = curves.figures(make("rayleigh", ["snr_db=0", "coherence_s=inf"]))
    assert [figure.name for figure in found] == ["ber", "capacity", "outage"]


def test_losses_after_a_loss() -> None:
    channel = make("gilbert_elliott", ["loss=0.2", "burst_s=0.1", "loss_good=0.05", "loss_bad=0.9"])
    [curve] = named(channel, "bursts")
    losses = 0.2 * 10 * curves.LINKS
    assert np.abs(curve.theory - curve.measured).max() <= SIGMA * 0.5 / math.sqrt(0.8 * losses)


TDL = "tdl snr_db=0 profile={} delay_spread_s=3e-7 bandwidth_hz=20e6 subcarriers=8 "


@pytest.mark.parametrize("words", [TDL.format("C") + "coherence_s=1", TDL.format("D") + "coherence_s=1"])
def test_a_tapped_delay_line(words: str) -> None:
    """Subcarriers of a link are not independent: 4.5 sigma of as many links, each of which counts as one."""
    channel = make("tdl", words.split()[1:])
    links = curves.SYMBOLS // 8
    for bits, curve in zip(curves.ORDERS, named(channel, "ber"), strict=True):
        assert (np.abs(curve.theory - curve.measured) <= SIGMA * np.sqrt(curve.theory / links)).all(), bits
    [ergodic, _] = named(channel, "capacity")
    assert ergodic.measured == pytest.approx(ergodic.theory, abs=SIGMA * 1.5 / math.sqrt(curves.BLOCKS / 8))
    for curve in named(channel, "frequency"):
        assert np.abs(curve.theory - curve.measured).max() <= SIGMA / math.sqrt(curves.LINKS)
    for curve in named(channel, "outage"):  # a band fades less than its subcarriers, at an SNR that carries the rate at all
        assert not len(curve.theory)
        assert 0.0 <= curve.measured.min() <= curve.measured.max() <= 1.0


@pytest.mark.parametrize(
    "words",
    [
        "rician snr_db=0 k_db=5 doppler_hz=10 coherence_s=0.001 time=clarke",
        "rayleigh snr_db=0 doppler_hz=10 time=gauss_markov",
        "rician snr_db=0 k_db=3 doppler_hz=10 time=gauss_markov los_doppler=0.2",
        "rayleigh snr_db=0 coherence_s=1",
        TDL.format("A") + "doppler_hz=10 time=clarke",
        TDL.format("D") + "doppler_hz=10 time=clarke",
    ],
)
def test_correlation_over_time(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mean of products of deviations over as many links; |h|^2 of heavy tails: 3 standard deviations of a product."""
    monkeypatch.setattr(curves, "LINKS", 600)
    kind, *knobs = words.split()
    channel = make(kind, knobs)
    curve = correlations.over_time(channel, curves.LINKS, 1).curves[0]
    assert np.abs(curve.theory - curve.measured).max() <= SIGMA * 2.0 / math.sqrt(curves.LINKS)


def test_bit_errors_of_the_channels_own() -> None:
    """p + b - 2 p b; at 256-QAM and 10 dB noise, otherwise b rules."""
    channel = make("bit_flip", ["bit_error_rate=0.01", "snr_db=30"])
    for bits, curve in zip(curves.ORDERS, named(channel, "ber"), strict=True):
        sigma = np.sqrt(bits * curve.theory / (bits * curves.SYMBOLS))
        assert (np.abs(curve.theory - curve.measured) <= SIGMA * sigma).all()
        assert (curve.theory >= 0.01 * (1 - 1e-12)).all()


def test_erasures_know_nothing_of_each_other() -> None:
    [curve] = named(make("erasure", ["loss=0.3"]), "bursts")
    assert curve.theory == pytest.approx(0.3)
    losses = 0.3 * 10 * curves.LINKS
    assert np.abs(curve.theory - curve.measured).max() <= SIGMA * math.sqrt(0.21 / (0.9 * losses))


def test_the_noise_of_the_published_code() -> None:
    """20 log10 of the rms plus 10 log10 of sqrt(width), at every size of the values."""
    [curve] = named(make("adc_reference", []), "own_noise")
    np.testing.assert_allclose(curve.measured, curve.theory, atol=0.1)
    assert curve.theory[-1] - curve.theory[0] == pytest.approx(40.0)  # a ratio should not depend on it at all


def test_the_mean_snr_of_a_link_budget_over_links() -> None:
    """UMi at 60 m: normal with and without a line of sight; 4.5 sigma of a binomial share."""
    budget = "link_budget distance_m=60 bandwidth_hz=20e6 fading=rician fading.k_db=7 fading.coherence_s=1"
    channel = make("link_budget", budget.split()[1:])
    [curve] = named(channel, "places")
    assert np.abs(curve.theory - curve.measured).max() <= SIGMA * 0.5 / math.sqrt(5 * curves.LINKS)
    assert {figure.name for figure in curves.figures(channel)} == {"places", "ber", "capacity", "outage", "correlation"}


def test_the_command_leaves_a_picture_and_its_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "it.png"
    assert main(["rayleigh", "snr_db=10", "coherence_s=0.1", "--out", str(out)]) == 0
    assert out.stat().st_size > 1000
    rows = (tmp_path / "it.csv").read_text().splitlines()
    assert rows[0] == "figure,curve,x,theory,measured"
    assert sum(row.startswith("outage,") for row in rows) == 3 * len(curves.LEVELS_DB)
    assert "largest difference from theory" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("raleigh", "unknown channel"),
        ("rayleigh snr_db", "name=value"),
        ("rayleigh snr=3", "unexpected keyword"),
        ("rayleigh snr_db=3 coherence_s=-1", "coherence_s"),
        ("ideal", "nothing to draw"),
        ("link_budget distance_m=9 bandwidth_hz=1e6 fading.coherence_s=1", "fading=rayleigh"),
        ("link_budget distance_m=9 fading=awgn", "bandwidth_hz"),
    ],
)
def test_what_is_wrong_is_said(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == 2
    assert said in capsys.readouterr().err


def test_without_arguments_the_kinds_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    listed = capsys.readouterr().out
    for kind in ("ideal", "awgn", "rician", "tdl", "gilbert_elliott", "adc_reference"):
        assert f"\n{kind} " in f"\n{listed}"
