"""`edgesim compare`: streams and exit codes."""

from pathlib import Path
from typing import Any

import pytest

from edgesim.record import index


@pytest.fixture
def sweep(tmp_path: Path) -> str:
    rows = [
        {
            "point": f"{label}{seed}",
            "label": label,
            "seed": seed,
            "status": "done",
            "path": "x",
            "error": None,
            "accuracy": 0.5 + seed,
        }
        for label in ("a", "b")
        for seed in (0, 1)
    ]
    rows.append({"point": "c", "label": "c", "seed": 0, "status": "failed", "path": None, "error": "no", "accuracy": None})
    (tmp_path / "s").mkdir()
    index.write(tmp_path / "s", rows)
    return "s"


def test_a_table_goes_to_stdout_and_what_is_missing_to_stderr(command: Any, sweep: str) -> None:
    said = command("compare", sweep)
    assert said.code == 0
    assert said.out.splitlines() == [
        "label  n    accuracy  minus a",
        "a      2  1.0 +- 6.4        -",
        "b      2  1.0 +- 6.4       +0",
    ]
    assert said.err == "left out, failed or not at their end: 1\n"
    assert command("compare", sweep, "--latex").out.startswith("% means over n seeds with 95 % Student-t intervals")
    assert command("compare", sweep, "--csv").out.startswith("label,metric,n,mean,low,high,baseline,")


def test_wrong_use_is_one_message(command: Any, sweep: str) -> None:
    assert command("compare", sweep, "--csv", "--latex").code == 2
    said = command("compare", ".")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("edgesim: . holds no run (no manifest.json in it or one level below)")


def test_of_a_scenarios_folder_all_runs_are_compared(command: Any, tmp_path: Path) -> None:
    from edgesim.cli.folders import runs_in
    from edgesim.errors import UsageError

    for name in ("ideal/run1", "ideal/run2", "base/run1"):
        (tmp_path / "results" / name).mkdir(parents=True)
        (tmp_path / "results" / name / "manifest.json").write_text("{}")
    assert [path.name for path in runs_in(tmp_path / "results" / "ideal")] == ["run1", "run2"]
    results = tmp_path / "results"
    with pytest.raises(UsageError, match=f"holds no run .*; name one of {results / 'base'}, {results / 'ideal'}$"):
        runs_in(results)
    assert len(command("compare", "results").err.splitlines()) == 1
