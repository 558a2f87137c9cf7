"""The measured columns of steps.parquet in whole runs."""

import math
from pathlib import Path
from typing import Any

import pytest

from edgesim.learn.trip import Insight
from edgesim.runner import run

NOISE = {"channel": {"kind": "awgn", "snr_db": 20}, "transport": "analog", "radio": {"bandwidth_hz": 1e6}}
CLEAN = {"channel": "ideal", "transport": "reliable", "radio": {"bandwidth_hz": 1e6}}


def columns(done: Any) -> dict[str, list[float]]:
    return {name: done.steps()[name].to_pylist() for name in Insight._fields}


def test_an_ideal_run_changes_nothing_on_the_way(make, tmp_path: Path) -> None:
    found = columns(run(make(uplink=CLEAN | {"codec": {"kind": "adc", "xi": 0.3}}), out=tmp_path))
    assert found["uplink_error"] == found["downlink_error"] == [0.0] * 7
    for wire, cut in zip(found["gradient_norm"], found["cut_gradient_norm"], strict=True):
        assert 0.0 < cut <= wire  # merging shares a gradient among the members of a cluster


def test_noise_is_measured_at_its_power(make, tmp_path: Path) -> None:
    """Values of unit mean square get noise of variance 1/snr (docs/accounting.md): at 20 dB |W' - W|/|W| = 0.1.

    Over 16 x 17 x 48 values its standard deviation is 0.1/sqrt(2 N), 0.6 % of it; 3 % is 4.5 sigma for all of 14 values.
    """
    both = NOISE | {"codec": "identity"}
    found = columns(run(make(uplink=both, downlink=both), out=tmp_path))
    for name in ("uplink_error", "downlink_error"):
        assert found[name] == [pytest.approx(0.1, rel=0.03)] * 7


def test_every_client_has_its_own_and_a_whole_model_has_none(make, tmp_path: Path) -> None:
    clients = {"count": 2, "device": "raspberry_pi_4"}
    found = columns(run(make(protocol="parallel", clients=clients, budget={"steps": 6}), out=tmp_path / "split"))
    assert len(set(found["gradient_norm"])) == 6
    whole = columns(run(make(protocol="fedavg", clients=clients, budget={"rounds": 1}), out=tmp_path / "whole"))
    timing = columns(run(make(), out=tmp_path / "timing", timing_only=True))
    for table in (whole, timing):
        assert all(math.isnan(value) for values in table.values() for value in values)
