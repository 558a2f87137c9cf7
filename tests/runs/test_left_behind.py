"""What a kill at a bad moment leaves behind is removed by whoever comes next."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from edgesim.record import checkpoint, lock
from edgesim.report.audit import audit
from edgesim.runner import run
from tests.runs.test_resume import timing


def test_what_a_kill_after_the_end_left_of_the_lock_is_removed(make: Any, tmp_path: Path) -> None:
    done = run(timing(make), out=tmp_path, timing_only=True)
    whole = {path.name: path.read_bytes() for path in done.path.iterdir() if path.is_file()}
    (done.path / lock.FILE).write_text('{"host": "here", "pid": 1, "started": 1}')
    assert run(timing(make), out=tmp_path, timing_only=True, resume=True).path == done.path
    assert {path.name: path.read_bytes() for path in done.path.iterdir() if path.is_file()} == whole


@pytest.mark.usefixtures("told_often")
def test_what_a_kill_after_the_end_left_of_the_checkpoints_is_removed(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of a large run go last: until the manifest says that it is done, it can be gone on with from them."""
    monkeypatch.setattr("edgesim.writing.LARGE_BYTES", 1)
    scenario = timing(make, host={"threads": 1, "checkpoint_every_steps": 10})
    with monkeypatch.context() as patch:
        patch.setattr("edgesim.record.recovery.forget", killed)
        with pytest.raises(KeyboardInterrupt):
            run(scenario, out=tmp_path, timing_only=True)
    [folder] = (tmp_path / "small").iterdir()
    assert json.loads((folder / "manifest.json").read_text())["status"] == "done"
    assert len(checkpoint.everything(folder)) == 2
    assert run(scenario, out=tmp_path, timing_only=True, resume=True).path == folder
    assert not checkpoint.everything(folder)
    assert audit(folder) == (1, [])


def killed(*arguments: Any, **named: Any) -> None:
    """As a kill ends a run: nothing is tidied, unlike after an error."""
    raise KeyboardInterrupt


def test_a_kill_before_an_old_checkpoint_is_removed_leaves_no_third_one(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = timing(make, host={"threads": 1, "checkpoint_every_steps": 10}, budget={"steps": 33})
    thin = checkpoint.thin

    def at_the_last(folder: Path) -> None:
        if checkpoint.step_of(checkpoint.everything(folder)[0]) == 30:
            raise KeyboardInterrupt
        thin(folder)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "thin", at_the_last)
        with pytest.raises(KeyboardInterrupt):
            run(scenario, out=tmp_path, timing_only=True)
    done = run(scenario, out=tmp_path, timing_only=True, resume=True)
    assert [checkpoint.step_of(path) for path in checkpoint.everything(done.path)] == [30, 20]


def test_the_folder_of_a_run_that_was_killed_before_it_began_is_removed(make: Any, tmp_path: Path) -> None:
    scenario = timing(make)
    home, name = tmp_path / "small", f"{scenario.hash8}-s{scenario.seed}"
    old, young, full = (home / f"20260101-00000{number}-{name}" for number in range(3))
    for folder in (old, young, full):
        folder.mkdir(parents=True)
        (folder / lock.FILE).write_text("")
        (folder / ".manifest.json.77.tmp").write_text("{")
    (full / "notes.txt").write_text("mine")
    for folder in (old, full):
        os.utime(folder, (0, 0))
    done = run(scenario, out=tmp_path, timing_only=True, resume=True)
    assert {*home.iterdir()} == {young, full, done.path}
