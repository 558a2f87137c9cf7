"""Decibels and thermal noise against the definitions and the reference figures of phy.md 1."""

import math

import pytest

from channels import units


@pytest.mark.parametrize(
    ("db", "ratio"), [(0.0, 1.0), (10.0, 10.0), (-30.0, 1e-3), (3.0, 1.9952623149688795), (math.inf, math.inf)]
)
def test_linear_and_decibel_are_inverse(db: float, ratio: float) -> None:
    assert units.linear(db) == pytest.approx(ratio, rel=1e-15)
    assert units.decibel(ratio) == pytest.approx(db, abs=1e-14)


def test_the_ends_of_the_scale() -> None:
    assert units.decibel(0.0) == -math.inf
    assert units.linear(-math.inf) == 0.0
    assert units.linear(1e6) == math.inf
    for wrong in (-1.0, math.nan):
        with pytest.raises(ValueError, match="ratio"):
            units.decibel(wrong)


def test_watts_and_dbm() -> None:
    assert units.watts(23.0) == pytest.approx(0.19952623149688797)
    assert units.dbm(1e-3) == pytest.approx(0.0, abs=1e-12)
    assert units.dbm(units.watts(-95.99)) == pytest.approx(-95.99)


def test_thermal_noise_density_at_290_kelvin() -> None:
    assert units.noise_dbm(1.0) == pytest.approx(-173.975, abs=5e-4)


def test_noise_of_the_worked_link_budget() -> None:
    """20 MHz, NF 5 dB: -95.99 dBm with 3GPP's rounded -174 dBm/Hz, 0.025 dB above it with kT."""
    assert units.noise_dbm(20e6, noise_figure_db=5.0) == pytest.approx(-95.99 + 0.025, abs=1e-3)


@pytest.mark.parametrize(("bandwidth_hz", "temperature_k"), [(0.0, 290.0), (1e6, 0.0), (math.nan, 290.0)])
def test_noise_refuses_the_impossible(bandwidth_hz: float, temperature_k: float) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        units.noise_dbm(bandwidth_hz, temperature_k=temperature_k)


@pytest.mark.parametrize("wrong", [-math.inf, math.nan])
def test_a_mean_snr_must_exist(wrong: float) -> None:
    with pytest.raises(ValueError, match="snr_db"):
        units.mean_snr(wrong)
