"""Curves for TensorBoard, of runs in one piece and of runs in two."""

import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edgesim.build.cast import TorchCast
from edgesim.cli.app import main
from edgesim.errors import RunInterrupted, UsageError
from edgesim.learn.readings import Readings
from edgesim.record.tensorboard import FILE
from edgesim.runner import run
from edgesim.watch import Progress

pytest.importorskip("tensorboard", reason="the extra [tensorboard] is not installed")

WATCHED = {"threads": 1, "tensorboard": True}


def stopper(after: int) -> Any:
    """A watch that interrupts this process after some steps."""

    def progress(told: Progress) -> None:
        if told.step == after:
            os.kill(os.getpid(), signal.SIGINT)

    def nothing(_told: Any) -> None:
        pass

    return SimpleNamespace(begin=nothing, progress=progress, note=nothing, end=nothing)


def test_a_run_in_two_pieces_leaves_the_curves_and_tables_of_a_run_in_one(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second is told its losses late and prefetches, too: what waits when it is stopped is written before."""
    whole = run(make(host=WATCHED, budget={"steps": 14}), out=tmp_path / "whole")
    monkeypatch.setattr("edgesim.session.PROGRESS_S", 0.0)
    monkeypatch.setattr(TorchCast, "readings", lambda _cast, take: Readings(take, 9))
    other = make(host=WATCHED | {"prefetch": True}, budget={"steps": 14})
    with pytest.raises(RunInterrupted):
        run(other, out=tmp_path / "cut", watch=stopper(8))
    done = run(other, out=tmp_path / "cut", resume=True)
    for name in (FILE, Path("steps.parquet"), Path("transfers.parquet"), Path("evaluations.csv")):
        assert (done.path / name).read_bytes() == (whole.path / name).read_bytes(), name


def test_a_run_that_goes_on_without_curves_keeps_none_that_are_not_its_own(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgesim.session.PROGRESS_S", 0.0)
    with pytest.raises(RunInterrupted):
        run(make(host=WATCHED, budget={"steps": 6}), out=tmp_path, watch=stopper(3))
    assert not (run(make(budget={"steps": 6}), out=tmp_path, resume=True).path / FILE).exists()


def test_the_option_writes_what_the_summary_says(make: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    make()
    assert main(["run", str(tmp_path / "small.yaml"), "--out", str(tmp_path), "--tensorboard", "-q"]) == 0
    assert "checks          all" in capsys.readouterr().out
    [folder] = (tmp_path / "small").iterdir()
    found = EventAccumulator(str(folder / FILE.parent)).Reload()
    assert [point.step for point in found.Scalars("train/loss")] == list(range(1, 8))
    assert [point.step for point in found.Scalars("test/accuracy")] == [6, 7]
    assert len(found.Scalars("over_bits/accuracy")) == 2


def test_a_run_that_trains_nothing_has_no_curves(make: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a timing-only run has no curves for TensorBoard"):
        run(make(host=WATCHED), out=tmp_path / "results", timing_only=True)
    assert not (tmp_path / "results").exists()


def test_without_the_extra_nothing_is_written(make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="needs the package tensorboard"):
        run(make(host=WATCHED), out=tmp_path / "results")
    assert not (tmp_path / "results").exists()
