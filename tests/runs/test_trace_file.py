"""A client that moves as a CSV file says, from YAML on."""

from pathlib import Path

import numpy as np
import pytest

from edgesim import build
from edgesim.errors import NotFoundError, ScenarioError
from edgesim.load import load
from edgesim.scenario import Scenario

BUDGET = {"kind": "link_budget", "pathloss": "free_space", "shadowing_db": 0, "fading": "ideal"}


def scenario(make, **knobs: object) -> Scenario:
    return make(uplink={"codec": "identity", "channel": BUDGET | knobs})


def test_the_snr_follows_the_file(make, tmp_path: Path) -> None:
    """From 100 m to 1 km in 10 s free space takes 20 dB, and the file lies beside the scenario."""
    (tmp_path / "traces").mkdir()
    (tmp_path / "traces" / "away.csv").write_text("time_s,x_m,y_m\n0,100,0\n10,1000,0\n")
    here = scenario(make, trace_file="traces/away.csv", update_s=0.1)
    link = build.world(here, build.learning(here)).clients[0].uplink
    at = np.array([float(link.fading(time, 1).snr[0]) for time in (0.0, 5.0, 50.0)])
    metres = np.array([104.5, 554.5, 1000.0])  # in the middle of each tenth of a second
    np.testing.assert_allclose(10.0 * np.log10(at / at[0]), -20.0 * np.log10(metres / metres[0]), atol=1e-6)


def test_what_was_resolved_runs_from_anywhere(make, tmp_path: Path) -> None:
    (tmp_path / "away.csv").write_text("time_s,distance_m\n0,100\n10,1000\n")
    here = scenario(make, trace_file="away.csv")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "resolved.yaml").write_text(here.resolved_yaml())
    again = load(elsewhere / "resolved.yaml")
    assert again.hash8 == here.hash8
    build.world(again, build.learning(again))


def test_the_hash_is_that_of_the_content_wherever_it_lies(make, tmp_path: Path) -> None:
    rows = "time_s,distance_m\n0,100\n10,1000\n"
    (tmp_path / "deep").mkdir()
    for name, text in (("a.csv", rows), ("deep/b.csv", rows), ("c.csv", rows.replace("1000", "999"))):
        (tmp_path / name).write_text(text)
    first, moved, other = (scenario(make, trace_file=name).digest for name in ("a.csv", "deep/b.csv", "c.csv"))
    assert first == moved != other
    lost, elsewhere = (scenario(make, trace_file=name).digest for name in ("lost.csv", "deep/lost.csv"))
    assert len({first, other, lost, elsewhere}) == 4


def test_the_hash_follows_the_traces_of_faults_too(make, tmp_path: Path) -> None:
    listed = tmp_path / "down.csv"
    digests = set()
    for end in (5, 6):
        listed.write_text(f"client,from_s,to_s\n0,1,{end}\n")
        made = make(faults=[{"kind": "crash", "trace_file": "down.csv"}])
        digests |= {made.digest, made.digest}
    assert len(digests) == 2


def test_a_file_that_is_not_there(make, tmp_path: Path) -> None:
    here = scenario(make, trace_file="nowhere.csv")
    with pytest.raises(NotFoundError, match=r"nowhere\.csv: No such file") as caught:
        build.world(here, build.learning(here))
    assert caught.value.exit_code == 5
    assert str(tmp_path / "small.yaml") in str(caught.value)


def test_a_file_with_a_bad_row(make, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("time_s,distance_m\n0,100\n10,far\n")
    here = scenario(make, trace_file="bad.csv")
    with pytest.raises(ScenarioError, match=r"bad\.csv:3: distance_m must be a finite number, got 'far'") as caught:
        build.world(here, build.learning(here))
    assert len(caught.value.problems) == 1


def test_the_fading_of_a_budget_needs_no_snr(make) -> None:
    bare, spelled = ({"kind": "awgn"} | more for more in ({}, {"snr_db": "0 dB"}))
    links = [scenario(make, distance_m=50, fading=fading) for fading in (bare, spelled)]
    assert links[0].hash8 == links[1].hash8
    with pytest.raises(ScenarioError, match="leave snr_db out"):
        scenario(make, distance_m=50, fading={"kind": "awgn", "snr_db": 3})
