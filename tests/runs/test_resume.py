"""Stopped and resumed, a run ends with the very tables of one that was never stopped."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from edgesim import resumption
from edgesim.errors import Busy, RunInterrupted, UsageError
from edgesim.load import load
from edgesim.record import checkpoint, lock, origin, tables
from edgesim.runner import run
from edgesim.watch import Progress

FADING = {"kind": "rayleigh", "snr_db": 8, "coherence_s": 0.02}
AIR = {"channel": FADING, "radio": {"bandwidth_hz": 1e6}, "transport": {"kind": "lossy", "attempts": 2}}
RESULTS = ("steps.parquet", "transfers.parquet", "entries.parquet", "rounds.parquet", "evaluations.csv", "clients.csv")


class Stopper:
    """A watch that sends this process a signal after some steps, and keeps what it is told."""

    def __init__(self, after: int, number: int = signal.SIGINT) -> None:
        self.after, self.number = after, number
        self.notes: list[str] = []

    def begin(self, header: Any) -> None:
        pass

    def progress(self, progress: Progress) -> None:
        if progress.step >= self.after:
            self.after = 10**9
            os.kill(os.getpid(), self.number)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def end(self, run_summary: Any) -> None:
        pass


def tables_of(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in RESULTS if (folder / name).is_file()}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
@pytest.mark.usefixtures("told_often")
def test_stopped_by_a_signal_and_resumed_it_ends_like_a_run_never_stopped(number: int, make: Any, tmp_path: Path) -> None:
    scenario = make(uplink=AIR | {"codec": {"kind": "randtopk", "rate": 0.2}}, downlink=AIR | {"codec": "identity"})
    whole = run(scenario, out=tmp_path / "whole", trace=True)
    with pytest.raises(RunInterrupted, match=r"stopped after step 3: .* --resume goes on from step 3") as caught:
        run(scenario, out=tmp_path / "cut", trace=True, watch=Stopper(3, number))
    assert caught.value.exit_code == 75
    again = Stopper(10**9)
    done = run(scenario, out=tmp_path / "cut", trace=True, resume=True, watch=again)
    assert "resumed from step 3" in again.notes
    assert tables_of(done.path) == tables_of(whole.path)
    assert len(tables_of(done.path)) >= 4
    assert {k: v for k, v in done.summary.items() if k != "wall_s"} == {k: v for k, v in whole.summary.items() if k != "wall_s"}
    assert (done.path / "weights.safetensors").read_bytes() == (whole.path / "weights.safetensors").read_bytes()
    assert [path.name for path in (tmp_path / "cut" / "small").iterdir()] == [done.path.name]


@pytest.mark.usefixtures("told_often")
def test_a_finished_run_is_given_as_it_is(make: Any, tmp_path: Path) -> None:
    done = run(make(budget={"steps": 2}), out=tmp_path)
    again = Stopper(10**9)
    given = run(make(budget={"steps": 2}), out=tmp_path, resume=True, watch=again)
    assert given.path == done.path
    assert given.summary == done.summary
    assert again.notes == [f"{done.path} is finished: nothing is left to do"]


@pytest.mark.usefixtures("told_often")
def test_a_checkpoint_that_does_not_fit_leaves_the_run_as_it_was(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = stopped(timing(make), tmp_path)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def changed(session: Any, state: Any) -> None:
        raise KeyError("of another version")

    monkeypatch.setattr("edgesim.session.Session.restore", changed)
    with pytest.raises(UsageError, match="does not fit this scenario and this version"):
        run(timing(make), out=tmp_path, timing_only=True, resume=True)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def timing(make: Any, **sections: Any) -> Any:
    """A scenario for runs without tensors, which take no time."""
    return make(**({"budget": {"steps": 40}} | sections))


def stopped(scenario: Any, out: Path, after: int = 5, **how: Any) -> Path:
    """A timing-only run stopped after some steps: its folder."""
    with pytest.raises(RunInterrupted):
        run(scenario, out=out, timing_only=True, watch=Stopper(after), **how)
    return max((out / "small").iterdir())


@pytest.mark.usefixtures("told_often")
def test_without_an_unfinished_run_a_new_one_begins(make: Any, tmp_path: Path) -> None:
    watch = Stopper(10**9)
    done = run(timing(make), out=tmp_path, timing_only=True, resume=True, watch=watch)
    assert done.status == "done"
    assert watch.notes == ["no run of this scenario and seed is there to be resumed: a new one begins"]


@pytest.mark.usefixtures("told_often")
def test_another_scenario_is_refused_and_another_seed_is_another_run(make: Any, tmp_path: Path) -> None:
    folder = stopped(timing(make), tmp_path)
    other = timing(make, optimiser={"kind": "adam", "lr": 0.5})
    with pytest.raises(
        UsageError, match=rf"cannot resume: the unfinished run {folder} is of another scenario .*resolved\.yaml"
    ):
        run(other, out=tmp_path, timing_only=True, resume=True)
    assert run(timing(make, seed=4), out=tmp_path, timing_only=True, resume=True).path != folder
    assert run(timing(make), out=tmp_path, timing_only=True, resume=True).path == folder


@pytest.mark.usefixtures("told_often")
def test_another_major_version_is_refused(make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped(timing(make), tmp_path)
    versions = origin.versions()
    monkeypatch.setattr(origin, "versions", lambda: versions | {"edgesim": "7.0.0"})
    with pytest.raises(UsageError, match=r"cannot resume .*: it was begun with edgesim 0\.\S+, and this is 7\.0\.0; install"):
        run(timing(make), out=tmp_path, timing_only=True, resume=True)


@pytest.mark.usefixtures("told_often")
def test_what_changed_since_the_checkpoint_is_said(make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped(timing(make), tmp_path)
    versions = origin.versions()
    monkeypatch.setattr(origin, "versions", lambda: versions | {"numpy": "99.0"})
    watch = Stopper(10**9)
    run(timing(make), out=tmp_path, timing_only=True, resume=True, watch=watch)
    assert any(note.startswith("changed since the checkpoint: numpy ") and " -> 99.0;" in note for note in watch.notes)


@pytest.mark.usefixtures("told_often")
def test_a_run_that_is_being_written_is_left_alone(make: Any, tmp_path: Path) -> None:
    folder = stopped(timing(make), tmp_path)
    with lock.held(folder), pytest.raises(Busy, match="is being written by another process"):
        run(timing(make), out=tmp_path, timing_only=True, resume=True)


@pytest.mark.usefixtures("told_often")
def test_a_damaged_checkpoint_gives_way_to_the_one_before_and_both_to_the_beginning(make: Any, tmp_path: Path) -> None:
    often = {"threads": 1, "checkpoint_every_steps": 2}
    whole = run(timing(make), out=tmp_path / "whole", timing_only=True)
    for damaged in (1, 2):
        folder = stopped(timing(make, host=often), tmp_path / str(damaged), after=9)
        latest = checkpoint.everything(folder)
        assert len(latest) == 2
        for path in latest[:damaged]:
            path.write_bytes(path.read_bytes()[:-7])
        watch = Stopper(10**9)
        done = run(timing(make), out=tmp_path / str(damaged), timing_only=True, resume=True, watch=watch)
        assert f"passed over: {latest[0]} is torn or was altered" in watch.notes
        where = "the run begins anew in its folder" if damaged == 2 else f"from step {checkpoint.step_of(latest[1])}"
        assert any(where in note for note in watch.notes)
        assert tables_of(done.path) == tables_of(whole.path)


@pytest.mark.usefixtures("told_often")
def test_a_fork_goes_its_own_way_from_a_checkpoint(make: Any, tmp_path: Path) -> None:
    folder = stopped(timing(make), tmp_path)
    step = checkpoint.step_of(checkpoint.everything(folder)[0])
    fork = resumption.read_fork(f"{folder}@{step}")
    longer = load(folder / "resolved.yaml", {"budget.steps": 60})
    done = run(longer, out=tmp_path, timing_only=True, fork=fork)
    assert done.summary["steps"] == 60
    whole = run(timing(make, budget={"steps": 60}), out=tmp_path / "whole", timing_only=True)
    assert tables_of(done.path) == tables_of(whole.path)
    manifest = json.loads((done.path / "manifest.json").read_text())
    assert (manifest["parent"]["run"], manifest["parent"]["step"]) == (folder.name, step)
    assert not any(done.path.name == path.name for path in [folder])
    # the parent is what --resume of the scenario finds, not the fork; and the fork is found by the same fork
    assert run(timing(make), out=tmp_path, timing_only=True, resume=True).path == folder
    assert run(longer, out=tmp_path, timing_only=True, fork=fork, resume=True).path == done.path


@pytest.mark.usefixtures("told_often")
def test_a_fork_that_does_not_fit_is_refused_before_anything_is_written(make: Any, tmp_path: Path) -> None:
    folder = stopped(timing(make), tmp_path)
    fork = resumption.read_fork(str(folder))
    more = load(folder / "resolved.yaml", {"protocol": "parallel"})
    with pytest.raises(UsageError, match="does not fit this scenario"):
        run(more, out=tmp_path, timing_only=True, fork=fork)
    assert [path.name for path in (tmp_path / "small").iterdir()] == [folder.name]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nowhere@3", "nowhere holds no manifest.json"),
        ("{run}@99", "has no checkpoint of step 99; it has checkpoints of steps "),
    ],
)
@pytest.mark.usefixtures("told_often")
def test_a_fork_from_nowhere_is_named(make: Any, tmp_path: Path, text: str, words: str) -> None:
    folder = stopped(timing(make), tmp_path)
    with pytest.raises(UsageError, match=words):
        resumption.read_fork(text.replace("{run}", str(folder)))


@pytest.mark.usefixtures("told_often")
def test_the_book_is_kept_on_if_it_was_kept_before(make: Any, tmp_path: Path) -> None:
    stopped(timing(make), tmp_path / "a", trace=True)
    assert run(timing(make), out=tmp_path / "a", timing_only=True, resume=True).entries().num_rows
    stopped(timing(make), tmp_path / "b")
    watch = Stopper(10**9)
    done = run(timing(make), out=tmp_path / "b", timing_only=True, trace=True, resume=True, watch=watch)
    assert "no book is kept: the run was begun without --trace" in watch.notes
    assert not (done.path / "entries.parquet").exists()


@pytest.mark.usefixtures("told_often")
def test_work_that_goes_on_from_round_to_round_is_done_again_from_an_earlier_checkpoint(make: Any, tmp_path: Path) -> None:
    """With `late: carry` there are moments at which no checkpoint can be written; a run is stopped at such a one too."""
    carry = {
        "clients": [{"count": 2, "device": "raspberry_pi_4"}, {"count": 1, "device": "jetson_nano"}],
        "protocol": {"kind": "splitfed_v1", "deadline_s": 0.5, "late": "carry"},
        "host": {"threads": 1, "checkpoint_every_steps": 1},
    }
    scenario = timing(make, **carry, budget={"rounds": 40})
    whole = run(scenario, out=tmp_path / "whole", timing_only=True)
    assert sum(tables.read(whole.path, "rounds")["late"].to_pylist()) > 0
    for after in (3, 7, 12):
        out = tmp_path / str(after)
        stopped(scenario, out, after=after)
        assert tables_of(run(scenario, out=out, timing_only=True, resume=True).path) == tables_of(whole.path)


def test_checkpoints_of_a_large_model_go_when_it_is_finished_unless_they_are_wanted(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    often = {"threads": 1, "checkpoint_every_steps": 2}
    small = run(timing(make, host=often), out=tmp_path, timing_only=True)
    assert [checkpoint.step_of(path) for path in checkpoint.everything(small.path)] == [40, 38]
    monkeypatch.setattr("edgesim.writing.LARGE_BYTES", 1)
    assert not checkpoint.everything(run(timing(make, host=often), out=tmp_path, timing_only=True).path)
    assert checkpoint.everything(run(timing(make, host=often), out=tmp_path, timing_only=True, weights=True).path)


@pytest.mark.usefixtures("told_often")
def test_a_second_ctrl_c_ends_at_once_and_what_is_left_can_be_resumed(make: Any, tmp_path: Path) -> None:
    class Twice(Stopper):
        def note(self, text: str) -> None:
            os.kill(os.getpid(), signal.SIGTERM)  # changes nothing any more
            os.kill(os.getpid(), signal.SIGINT)

    whole = run(timing(make), out=tmp_path / "whole", timing_only=True)
    with pytest.raises(KeyboardInterrupt):
        run(timing(make), out=tmp_path / "cut", timing_only=True, watch=Twice(5))
    done = run(timing(make), out=tmp_path / "cut", timing_only=True, resume=True)
    assert tables_of(done.path) == tables_of(whole.path)
    assert len(list((tmp_path / "cut" / "small").iterdir())) == 1
