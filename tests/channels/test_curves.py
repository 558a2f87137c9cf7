"""`python -m channels`: the drawn points lie on the drawn theory, and the command says what is wrong."""

import math
from pathlib import Path

import numpy as np
import pytest

from channels import curves
from channels.__main__ import main, make

SIGMA = 4.5


def named(channel, name: str, seed: int = 1) -> list[curves.Curve]:
    return next(figure for figure in curves.figures(channel, seed) if figure.name == name).curves


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curves, "SYMBOLS", 1 << 14)
    monkeypatch.setattr(curves, "LEVELS_DB", np.array([0.0, 10.0]))
    monkeypatch.setattr(curves, "LINKS", 150)


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


def test_losses_after_a_loss() -> None:
    channel = make("gilbert_elliott", ["loss=0.2", "burst_s=0.1", "loss_good=0.05", "loss_bad=0.9"])
    [curve] = named(channel, "bursts")
    losses = 0.2 * 10 * curves.LINKS
    assert np.abs(curve.theory - curve.measured).max() <= SIGMA * 0.5 / math.sqrt(0.8 * losses)


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
        ("ideal", "no fading"),
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
