"""`edgesim watch` away from a terminal: how runs and sweeps stand, at every stage of theirs."""

import fcntl
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgesim.record.lock import held

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(command: Callable[..., Any], tmp_path: Path) -> Path:
    """A finished run of two steps, timing only."""
    done = command(
        "run", str(ROOT / "scenarios" / "fading.yaml"), "--timing-only", "--set", "budget={steps: 2}", "--out", "r", "-q"
    )
    assert done.code == 0
    return next((tmp_path / "r" / "fading").iterdir())


def unfinished(run: Path) -> None:
    """Make the run look as it does while it runs."""
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    (run / "manifest.json").write_text(json.dumps(manifest | {"status": "running"}), encoding="utf-8")
    (run / "summary.json").unlink()
    (run / "steps.parquet").rename(run / "steps.part-00001.parquet")
    head = (run / "evaluations.csv").read_text(encoding="utf-8").splitlines()[0]
    looks = [f"{head}", "1,0.5,1.25,100.0,3.5,0.25,0.25,2.0,nan", "2,1.0,2.5,200.0,7.0,0.5,0.5,1.5,nan"]
    (run / "evaluations.csv").write_text("\n".join(looks) + "\n", encoding="utf-8")


def test_a_finished_run_shows_its_summary(command: Callable[..., Any], run: Path) -> None:
    said = command("watch", "r/fading")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("fading: done\nstatus")
    assert "steps           2" in said.out


def test_a_running_run_shows_its_latest_step_and_looks(command: Callable[..., Any], run: Path) -> None:
    unfinished(run)
    with held(run):
        said = command("watch", str(run))
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0] == "fading: running"
    assert "steps 2" in lines[1]
    assert lines[2].split()[:2] == ["step", "2"]
    assert "loss" not in lines[2]  # nothing is trained
    assert [line.split() for line in lines[-2:]] == [
        ["1", "1.25", "s", "3.5", "J", "0.2500", "2.0000"],
        ["2", "2.5", "s", "7", "J", "0.5000", "1.5000"],
    ]


def test_a_run_whose_process_is_gone_was_killed(command: Callable[..., Any], run: Path) -> None:
    unfinished(run)
    assert command("watch", str(run)).out.splitlines()[0] == "fading: killed"


def test_a_run_that_failed_says_why(command: Callable[..., Any], run: Path) -> None:
    unfinished(run)
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps(manifest | {"status": "failed"}))
    (run / "failure.json").write_text(json.dumps({"error": "RunError", "message": "no space left"}))
    assert command("watch", str(run)).out.splitlines()[:2] == ["fading: failed", "no space left"]


def test_a_sweep_shows_what_is_done_failed_and_under_way(command: Callable[..., Any], run: Path, tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    points = [{"id": name} for name in ("one", "two", "three", "four")]
    sweep.mkdir()
    (sweep / "manifest.json").write_text(json.dumps({"kind": "sweep", "name": "many", "points": points}), encoding="utf-8")
    shutil.copytree(run, sweep / "points" / "one")
    (sweep / "failed").mkdir()
    (sweep / "failed" / "two.json").write_text(json.dumps({"message": "no\nroom"}), encoding="utf-8")
    unfinished(run)
    shutil.copytree(run, sweep / "attempts" / "three-x" / "fading" / "run")
    (sweep / "attempts" / "four-x" / "fading" / "run").mkdir(parents=True)
    (sweep / "attempts" / "four-x" / "fading" / "run" / "manifest.json").write_text("{}")  # it has only just begun
    with (sweep / ".lock").open("w") as lock, held(sweep / "attempts" / "three-x" / "fading" / "run"):
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = command("watch", "sweep")
    assert said.out.splitlines() == [
        "many: running",
        f"[{'#' * 20}{'.' * 20}] 1 of 4 points done, 1 failed",
        "failed  two  no",
        "working on fading, step 2, accuracy 0.5000",
    ]
    shutil.rmtree(sweep / "attempts")
    assert command("watch", "sweep").out.startswith("many: stopped\n")


def test_what_is_no_run_is_said(command: Callable[..., Any]) -> None:
    said = command("watch", "nowhere")
    assert (said.code, said.out) == (2, "")
    assert "nowhere is no folder" in said.err
