"""Whole runs: what they leave behind agrees with itself, with the plan and with the budget."""

import csv
import json
import math
from pathlib import Path

import pyarrow.compute as pc
import pytest

from edgesim.errors import RunError, ScenarioError
from edgesim.plan import plan
from edgesim.runner import run

ADC = {"kind": "adc", "xi": 0.3}
FADING = {"kind": "rayleigh", "snr_db": 8, "coherence_s": 0.02}


def both_links(codec: object = "identity", channel: object = "ideal") -> dict[str, object]:
    air = {"channel": channel, "radio": {"bandwidth_hz": 1e6}, "transport": "reliable"}
    return {"uplink": air | {"codec": codec}, "downlink": air | {"codec": "identity"}}


def test_the_book_re_adds_to_the_summary(make, tmp_path: Path) -> None:
    done = run(make(**both_links(ADC, FADING)), out=tmp_path, trace=True)
    book, transfers, summary = done.entries(), done.transfers(), done.summary
    assert pc.sum(book["joules"]).as_py() == pytest.approx(summary["energy_j"]["total"], rel=1e-12)
    for actor, joules in summary["energy_j"]["by_actor"].items():
        mine = book.filter(pc.equal(book["actor"], actor))
        assert pc.sum(mine["joules"]).as_py() == pytest.approx(joules, rel=1e-12)
        seconds = pc.subtract(mine["end_s"], mine["start_s"])
        assert pc.sum(seconds).as_py() == pytest.approx(summary["simulated_s"], rel=1e-12)
        assert mine["start_s"].to_pylist()[1:] == mine["end_s"].to_pylist()[:-1]
        watts = pc.multiply(mine["watts"], seconds)
        assert pc.sum(watts).as_py() == pytest.approx(joules, rel=1e-12)
    for direction in ("up", "down"):
        mine = transfers.filter(pc.equal(transfers["direction"], direction))
        for role, bits in summary["bits"][direction].items():
            if role != "total":
                assert pc.sum(mine[f"{role}_bits"]).as_py() == bits
    assert all(summary["checks"].values())
    spent = pc.sum(transfers["paper_bits"]).as_py()
    assert spent == pytest.approx(summary["budget"]["spent_bits"], rel=1e-12)


def test_the_results_folder_is_as_promised(make, tmp_path: Path) -> None:
    done = run(make(), out=tmp_path)
    names = {path.name for path in done.path.iterdir()}
    promised = {"manifest.json", "scenario.yaml", "resolved.yaml", "summary.json", "evaluations.csv", "steps.parquet"}
    assert promised | {"transfers.parquet"} <= names
    assert "entries.parquet" not in names
    assert done.path.parent == tmp_path / "small"
    assert json.loads((done.path / "summary.json").read_text()) == done.summary
    manifest = json.loads((done.path / "manifest.json").read_text())
    assert manifest["status"] == "done"
    rows = list(csv.DictReader((done.path / "evaluations.csv").read_text().splitlines()))
    assert [int(row["step"]) for row in rows] == [6, 7]
    assert float(rows[-1]["accuracy"]) == done.summary["accuracy"]
    assert done.steps().num_rows == 7
    assert all(math.isfinite(loss) for loss in done.steps()["loss"].to_pylist())


def test_resolved_yaml_runs_as_is_and_gives_the_same_tables(make, tmp_path: Path) -> None:
    from edgesim.load import load

    first = run(make(**both_links(ADC, FADING)), out=tmp_path / "a")
    again = run(load(first.path / "resolved.yaml"), out=tmp_path / "b")
    for name in ("steps.parquet", "transfers.parquet", "evaluations.csv"):
        assert (first.path / name).read_bytes() == (again.path / name).read_bytes()
    assert first.summary["accuracy"] == again.summary["accuracy"]


def test_another_seed_gives_other_losses_on_other_fades(make, tmp_path: Path) -> None:
    first = run(make(seed=1, **both_links(ADC, FADING)), out=tmp_path / "a")
    other = run(make(seed=2, **both_links(ADC, FADING)), out=tmp_path / "b")
    assert first.steps()["loss"] != other.steps()["loss"]
    assert first.transfers()["snr_db"] != other.transfers()["snr_db"]


@pytest.mark.parametrize("channel", ["ideal", FADING], ids=["ideal", "fading"])
def test_plan_predicts_what_run_books(channel: object, make, tmp_path: Path) -> None:
    """Exactly, fading included: under one seed plan and run see the same channel."""
    scenario = make(**both_links(ADC, channel), budget={"simulated_s": 3.0, "steps": 50})
    predicted, booked = plan(scenario), run(scenario, out=tmp_path).summary
    for key in ("steps", "stopped_by", "simulated_s", "latency_s", "energy_j", "symbols", "xi"):
        assert predicted[key] == booked[key]
    assert predicted["bits"]["up"] == booked["bits"]["up"]
    assert 0 < booked["simulated_s"] <= 3.0


def test_plan_says_which_sizes_are_bounds_and_a_run_keeps_them(make, tmp_path: Path) -> None:
    scenario = make(**both_links({"kind": "slacc"}), budget={"steps": 2})
    predicted, booked = plan(scenario), run(scenario, out=tmp_path).summary
    assert predicted["payload_bits"]["up"]["at_most"]
    assert not predicted["payload_bits"]["down"]["at_most"]
    assert booked["bits"]["up"]["values"] < predicted["bits"]["up"]["values"]
    assert booked["bits"]["up"]["side"] == predicted["bits"]["up"]["side"]
    assert booked["bits"]["down"] == predicted["bits"]["down"]
    assert booked["simulated_s"] < predicted["simulated_s"]
    assert all(booked["checks"].values())


def test_the_paper_budget_is_epochs_times_data_times_base(make, tmp_path: Path) -> None:
    scenario = make(budget={"epochs_of_base": 2, "ledger": "paper"})
    done = run(scenario, out=tmp_path)
    per_sample = 2 * 17 * 48 * 32 + math.log2(10)  # 17 tokens of width 48, both ways, and the labels
    assert done.summary["budget"]["limit_bits"] == pytest.approx(2 * 96 * per_sample, rel=1e-12)
    assert done.summary["steps"] == 12
    assert done.summary["stopped_by"] == "budget"
    assert done.summary["xi"]["paper"] == {"up": pytest.approx(1.0), "down": pytest.approx(1.0), "mean": pytest.approx(1.0)}


def test_a_budget_smaller_than_one_step_is_an_error_of_the_scenario(make) -> None:
    with pytest.raises(ScenarioError, match=r"small\.yaml:\d+:\d+: .*smaller than one step"):
        plan(make(budget={"bits": 1000}))


def test_a_diverging_run_fails_with_a_reason_and_keeps_its_tables(make, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"numbers that are not finite at step \d+ of client 0"):
        run(make(optimiser={"kind": "sgd", "lr": 1e30}, budget={"steps": 50}), out=tmp_path)
    [folder] = (tmp_path / "small").iterdir()
    assert json.loads((folder / "manifest.json").read_text())["status"] == "failed"
    assert (folder / "transfers.parquet").exists()
