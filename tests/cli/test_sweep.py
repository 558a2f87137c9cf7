"""`edgesim sweep`: streams, messages and exit codes, with a stand-in for the runner."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from edgesim import kinds
from edgesim.load import starter
from edgesim.sweep.engines.base import Engine, Need
from edgesim.sweep.job import Job, Outcome

SWEEP = "scenario: first.yaml\nlist: [{label: a, budget.steps: 1}, {label: b, budget.steps: 2}]\nseeds: [0, 1]\n"


class Pretender(Engine):
    """Leaves a summary for every job, or the outcome it is told."""

    endings: Callable[[Job], Outcome | None] = staticmethod(lambda job: None)

    def __init__(self, *, jobs: int | None = None) -> None:
        self.jobs = jobs

    def run(self, jobs: Sequence[Job], need: Need) -> Iterator[Outcome]:
        for job in jobs:
            ending = type(self).endings(job)
            if ending is None:
                folder = Path(job.folder) / "points" / job.point
                folder.mkdir(parents=True)
                (folder / "summary.json").write_text(json.dumps({"accuracy": 0.5, "wall_s": 1.0}))
            yield ending or Outcome(job.point, "done")


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type[Pretender]:
    """`many.yaml` in the folder the command runs in, and an engine that pretends."""
    (tmp_path / "first.yaml").write_text(starter())
    (tmp_path / "many.yaml").write_text(SWEEP)
    genuine = kinds.load
    monkeypatch.setattr(kinds, "load", lambda slot, kind: Pretender if slot == "engine" else genuine(slot, kind))
    monkeypatch.setattr(Pretender, "endings", staticmethod(lambda job: None))
    return Pretender


def test_a_dry_run_shows_the_points_and_leaves_nothing(command: Any, sweep: Any, tmp_path: Path) -> None:
    said = command("sweep", "many.yaml", "--dry-run")
    assert said.code == 0
    head, *rows = said.out.splitlines()
    assert head.split() == ["point", "status", "label", "budget.steps", "seed"]
    assert [row.split()[1:] for row in rows] == [
        ["pending", "a", "1", "0"],
        ["pending", "a", "1", "1"],
        ["pending", "b", "2", "0"],
        ["pending", "b", "2", "1"],
    ]
    assert said.err.startswith("4 points: 0 done, 0 failed, 4 to run; in ")
    assert not (tmp_path / "sweeps").exists()
    assert [row["budget.steps"] for row in json.loads(command("sweep", "many.yaml", "--dry-run", "--json").out)] == [1, 1, 2, 2]


def test_progress_goes_to_stderr_and_the_end_to_stdout(command: Any, sweep: Any, tmp_path: Path) -> None:
    said = command("sweep", "many.yaml", "--jobs", "2")
    assert said.code == 0
    assert said.out.splitlines() == [
        "sweep   many",
        "points  4 done",
        f"table   {tmp_path / 'sweeps' / 'many' / 'index.parquet'}",
    ]
    assert said.err.splitlines()[0] == "sweep     many, 4 points"
    assert "4/4  done  b, budget.steps=2, seed 1" in said.err
    assert said.err.splitlines()[-1] == f"next     edgesim compare {tmp_path / 'sweeps' / 'many'}"
    again = command("sweep", "many.yaml", "--resume", "--json", "-q")
    assert json.loads(again.out)["points"] == {"done": 4, "failed": 0, "pending": 0}
    assert again.err == ""


def test_failed_points_are_named_with_exit_code_4(command: Any, sweep: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def endings(job: Job) -> Outcome | None:
        return Outcome(job.point, "failed", "the loss is nan\nmore", 1) if job.scenario.seed else None

    monkeypatch.setattr(sweep, "endings", staticmethod(endings))
    said = command("sweep", "many.yaml")
    assert said.code == 4
    assert said.out.splitlines()[1] == "points  2 done, 2 FAILED"
    assert "edgesim: 2 points failed; what was said is in " in said.err
    assert said.err.count("-s1: the loss is nan") == 2
    monkeypatch.setattr(sweep, "endings", staticmethod(lambda job: None))
    assert command("sweep", "many.yaml").code == 4
    assert command("sweep", "many.yaml", "--retry-failed").code == 0


def test_an_interrupt_says_that_the_same_command_goes_on(command: Any, sweep: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def endings(job: Job) -> Outcome | None:
        if job.scenario.seed:
            raise KeyboardInterrupt
        return None

    monkeypatch.setattr(sweep, "endings", staticmethod(endings))
    said = command("sweep", "many.yaml")
    assert said.code == 75
    assert said.err.splitlines()[-1].startswith("edgesim: stopped with 1 of 4 points finished; they are kept in ")
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("sweep none.yaml", 2, "edgesim: none.yaml: no such file (. holds first.yaml, many.yaml)"),
        ("sweep many.yaml --size smoke", 2, "edgesim: many.yaml has no size 'smoke' (sizes: none)"),
        (
            "sweep many.yaml --engine rai",
            2,
            "edgesim: unknown engine 'rai', did you mean 'ray'? (engines: dask, local, ray, slurm)",
        ),
        ("sweep many.yaml --option address", 2, "edgesim: --option address: expected name=value"),
        (
            "sweep many.yaml --option jobs=none",
            2,
            "edgesim: engine 'local': jobs: expected a whole number, got the text 'none'",
        ),
        ("sweep many.yaml --resume", 2, "edgesim: "),
        (
            "sweep many.yaml --set budget.steps=1",
            2,
            "edgesim: --set budget.steps: the sweep varies it; change the axis in many.yaml",
        ),
        ("sweep many.yaml --set budget.stepz=1", 3, "--set budget.stepz: budget: unknown key 'stepz', did you mean 'steps'?"),
        ("sweep first.yaml", 3, "first.yaml:5:1: this is a scenario, not a sweep: `edgesim run first.yaml` runs it"),
        ("run many.yaml", 3, "many.yaml:1:1: this is a sweep, not a scenario: `edgesim sweep many.yaml` runs it"),
    ],
)
def test_wrong_use_gives_one_message_and_its_code(command: Any, sweep: Any, line: str, code: int, said: str) -> None:
    got = command(*line.split())
    assert got.code == code
    assert got.err.startswith(said), got.err
    assert got.out == ""
    assert "Traceback" not in got.err


def test_the_menu_of_points_imports_nothing_heavy(process: Any, tmp_path: Path) -> None:
    (tmp_path / "first.yaml").write_text(starter())
    (tmp_path / "many.yaml").write_text(SWEEP)
    said = process("sweep", "many.yaml", "--dry-run", python=["-X", "importtime"])
    assert said.code == 0
    for heavy in ("torch", "matplotlib", "scipy", "pyarrow", "simpy", "joblib"):
        assert f" {heavy}\n" not in said.err
