"""Every shipped scenario really runs: two steps or a round each, on synthetic pictures where its data set is not bundled."""

from pathlib import Path
from typing import Any

import pytest

from edgesim.load import load
from edgesim.runner import run

SCENARIOS = sorted((Path(__file__).parents[2] / "scenarios").glob("*.yaml"))
CITY = Path(__file__).parents[2] / "scenarios" / "city_100k.yaml"  # too many to train: its header says --timing-only
TWO_STEPS: dict[str, Any] = {"budget": {"steps": 2}, "evaluate.every_epochs": 1000, "host.threads": 1}
ROUNDS = ("parallel", "splitfed_v1", "splitfed_v2", "fedavg")  # protocols whose unit is a round of many steps
PICTURES = {"kind": "synthetic", "train": 32, "test": 8, "classes": 101, "image_size": 64, "channels": 3, "batch_size": 8}


def overrides(path: Path) -> dict[str, Any]:
    """Two steps or a round; small batches of synthetic pictures and random weights where these would have to be fetched."""
    scenario = load(path)
    if scenario.protocol.kind in ROUNDS:
        return TWO_STEPS | {"budget": {"rounds": 1}}
    if scenario.data.kind in ("digits", "synthetic"):
        return TWO_STEPS
    data = PICTURES | {"augment": scenario.data.augment.kind}
    return TWO_STEPS | {"data": data, "model.pretrained": False}


@pytest.mark.parametrize("path", [path for path in SCENARIOS if path != CITY], ids=lambda path: path.stem)
def test_a_shipped_scenario_runs_two_steps_and_passes_its_checks(path: Path, tmp_path: Path) -> None:
    done = run(load(path, overrides(path)), out=tmp_path)
    assert done.status == "done"
    assert done.summary["stopped_by"] in ("steps", "rounds")
    assert done.summary["steps"] == 2 or done.summary["stopped_by"] == "rounds"
    assert all(done.summary["checks"].values())
    assert 0.0 <= done.summary["accuracy"] <= 1.0
    sent = done.summary["bits"]["up"]
    assert sent["values"] > 0 or (done.summary["xi"]["wire"]["up"] is None and sent["model"] > 0)  # fedavg sends models only
    assert done.summary["simulated_s"] > 0


def test_in_a_thousandth_of_the_city_everyone_takes_ten_steps(tmp_path: Path) -> None:
    counts = {f"clients[{group}].count": count for group, count in enumerate((60, 30, 10))}
    fewer = counts | {"protocol.participants": 1, "budget.rounds": 100}
    done = run(load(CITY, fewer), out=tmp_path, timing_only=True)
    assert all(done.summary["checks"].values())
    assert done.steps().column("client").value_counts().field("counts").to_pylist() == [10] * 100
