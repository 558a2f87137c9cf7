"""The main job as promised: real digits, a fifth of the traffic, accuracy of at least 0.95."""

from pathlib import Path

import pytest

from edgesim.load import load
from edgesim.runner import run

IDEAL = Path(__file__).parents[2] / "scenarios" / "ideal.yaml"


@pytest.mark.slow
def test_ideal_reaches_its_accuracy_within_its_budget_and_again_with_the_same_tables(tmp_path: Path) -> None:
    first, again = (run(load(IDEAL, {"host.threads": 1}), out=tmp_path / name) for name in ("first", "again"))
    summary = first.summary
    assert summary["accuracy"] >= 0.95
    assert 0.15 < summary["xi"]["paper"]["mean"] <= 0.2
    assert summary["xi"]["wire"]["mean"] <= 0.2
    assert summary["stopped_by"] == "budget"
    assert 0.99 < summary["budget"]["spent_bits"] / summary["budget"]["limit_bits"] <= 1.0
    assert all(summary["checks"].values())
    for name in ("steps.parquet", "transfers.parquet", "evaluations.csv"):
        assert (first.path / name).read_bytes() == (again.path / name).read_bytes()
