"""A sweep from its first point to its table: what is run, what is kept, what is run again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgesim.errors import RunError, ScenarioError, SweepInterrupted, UsageError
from edgesim.keeper import Keeper
from edgesim.record import index, lock
from edgesim.sweep.conduct import Counts, Plan, Sweep, conduct
from edgesim.sweep.job import Job

AXES = "timing_only: true\ngrid: {uplink.radio.bandwidth_hz: [1e6, 2e6]}\nseeds: [0, 1]\n"
OFTEN = AXES + "set: {budget.steps: 9, host.checkpoint_every_steps: 2}\n"  # four checkpoints a point


def stop(number: int, error: type[BaseException]) -> Callable[[Job], None]:
    """Raises before the job with that number, from 0 on."""
    seen: list[Job] = []

    def before(job: Job) -> None:
        seen.append(job)
        if len(seen) > number:
            raise error

    return before


def begin(path: Path, engine: Any, **how: Any) -> Sweep:
    return conduct(Plan(path, out=path.parent / "sweeps"), engine, **how)


def test_every_point_has_a_run_and_a_row(make: Any, serial: Any) -> None:
    done = begin(make(AXES), serial())
    assert done.counts == Counts(done=4, failed=0, pending=0)
    table = done.index()
    assert table["uplink.radio.bandwidth_hz"].to_pylist() == [1e6, 1e6, 2e6, 2e6]
    assert table["seed"].to_pylist() == [0, 1, 0, 1]
    assert table["status"].to_pylist() == ["done"] * 4
    for row in table.to_pylist():
        folder = done.path / row["path"]
        summary = json.loads((folder / "summary.json").read_text())
        assert row["steps"] == summary["steps"] == 2
        assert row["xi.paper.up"] == summary["xi"]["paper"]["up"]
        assert row["energy_j.total"] == summary["energy_j"]["total"]
        assert json.loads((folder / "manifest.json").read_text())["status"] == "done"
    assert not (done.path / "attempts").exists()
    manifest = json.loads((done.path / "manifest.json").read_text())
    assert [point["id"] for point in manifest["points"]] == table["point"].to_pylist()


@pytest.mark.parametrize(("text", "kept"), [("weights: true\n", True), ("", False)])
def test_weights_of_a_large_model_are_kept_on_request(
    make: Any, serial: Any, monkeypatch: pytest.MonkeyPatch, text: str, kept: bool
) -> None:
    monkeypatch.setattr("edgesim.session.LARGE_BYTES", 1)  # every model is large
    done = begin(make(f"{text}set: {{budget.steps: 1}}"), serial())
    [row] = done.index().to_pylist()
    assert (done.path / row["path"] / "weights.safetensors").is_file() == kept


def test_the_table_does_not_depend_on_the_order_of_completion(make: Any, serial: Any, tmp_path: Path) -> None:
    path = make(AXES)
    first = conduct(Plan(path, out=tmp_path / "a"), serial())
    second = conduct(Plan(path, out=tmp_path / "b"), serial(backwards=True))
    assert (first.path / index.FILE).read_bytes() == (second.path / index.FILE).read_bytes()


def test_finished_points_are_not_run_again(make: Any, serial: Any) -> None:
    first, again = serial(), serial()
    begin(make(AXES), first)
    begin(make(AXES.replace("[0, 1]", "[0, 1, 2]")), again)
    assert len(first.ran) == 4
    assert len(again.ran) == 2
    assert all(point.endswith("-s2-timing") for point in again.ran)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RunError])
def test_an_interrupted_sweep_goes_on_where_it_stopped(
    make: Any, serial: Any, error: type[BaseException], tmp_path: Path
) -> None:
    path = make(AXES)
    whole = conduct(Plan(path, out=tmp_path / "whole"), serial())
    with pytest.raises(SweepInterrupted if error is KeyboardInterrupt else error) as caught:
        begin(path, serial(stop(3, error)))
    if error is KeyboardInterrupt:
        assert "stopped with 3 of 4 points finished" in str(caught.value)
        assert caught.value.exit_code == 75
    torn = index.read(tmp_path / "sweeps" / "many")
    assert torn["status"].to_pylist() == ["done", "done", "done", "pending"]
    rest = serial()
    done = begin(path, rest)
    assert len(rest.ran) == 1
    assert (done.path / index.FILE).read_bytes() == (whole.path / index.FILE).read_bytes()


def test_a_run_that_the_user_stopped_is_no_failure(make: Any, monkeypatch: pytest.MonkeyPatch, serial: Any) -> None:
    from edgesim import runner
    from edgesim.errors import RunInterrupted

    def interrupted(*args: Any, **how: Any) -> Any:
        raise RunInterrupted("stopped after step 1")

    path = make(AXES)
    with monkeypatch.context() as patch:
        patch.setattr(runner, "run", interrupted)
        with pytest.raises(SweepInterrupted, match="0 of 4 points"):
            begin(path, serial())
    assert begin(path, serial()).counts.done == 4


# lr 1e30 makes the loss overflow: a run that fails, whatever the machine
FAILING = "grid: {optimiser.lr: [1e-3, 1e30]}\nset: {optimiser.kind: sgd, optimiser.momentum: 0}\n"


def test_a_failed_point_is_reported_kept_and_retried_on_demand(make: Any, serial: Any) -> None:
    path = make(FAILING)
    done = begin(path, serial())
    assert done.counts == Counts(done=1, failed=1, pending=0)
    [(point, message)] = done.failures.items()
    assert message.startswith("numbers that are not finite at step ")
    assert done.index()["error"].to_pylist() == [None, message]
    assert done.index()["accuracy"].to_pylist()[1] is None
    assert json.loads((done.path / "failed" / f"{point}.json").read_text())["exit_code"] == 1

    left_alone, retried = serial(), serial()
    assert begin(path, left_alone).counts.failed == 1
    assert left_alone.ran == []
    assert begin(path, retried, retry_failed=True).counts.failed == 1
    assert retried.ran == [point]


def test_an_unforeseen_failure_of_one_point_loses_no_other(make: Any, serial: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from edgesim import runner

    genuine = runner.run

    def breaks(scenario: Any, **how: Any) -> Any:
        if scenario.seed == 1:
            raise ZeroDivisionError("a bug")
        return genuine(scenario, **how)

    monkeypatch.setattr(runner, "run", breaks)
    done = begin(make(AXES), serial())
    assert done.counts == Counts(done=2, failed=2, pending=0)
    assert set(done.failures.values()) == {"ZeroDivisionError: a bug"}
    facts = json.loads((done.path / "failed" / f"{next(iter(done.failures))}.json").read_text())
    assert "in breaks" in facts["trace"]


def test_a_point_that_succeeds_at_last_is_no_longer_failed(make: Any, serial: Any) -> None:
    path = make(AXES)
    plan = Plan(path, out=path.parent / "sweeps")
    plan.store.path.mkdir(parents=True)
    plan.store.fail(plan.points[0].id, {"message": "no memory"})
    assert plan.counts() == Counts(done=0, failed=1, pending=3)
    done = begin(path, serial(), retry_failed=True)
    assert done.counts == Counts(done=4, failed=0, pending=0)
    assert done.index()["error"].to_pylist() == [None] * 4


def test_only_one_sweep_works_in_a_folder(make: Any, serial: Any) -> None:
    path = make(AXES)
    plan = Plan(path, out=path.parent / "sweeps")
    with plan.store.locked(), pytest.raises(UsageError, match="another edgesim sweep is working in"):
        begin(path, serial())
    assert begin(path, serial()).counts.done == 4


def test_what_a_kill_left_behind_is_swept_away_and_never_read(make: Any, serial: Any) -> None:
    path = make(AXES)
    plan = Plan(path, out=path.parent / "sweeps")
    torn = plan.store.path / "attempts" / f"{plan.points[0].id}-x1" / "small" / "run"
    torn.mkdir(parents=True)
    (torn / "summary.json").write_text('{"steps":')
    (plan.store.path / f".{index.FILE}.77.tmp").write_text("PAR1")
    assert plan.counts().pending == 4
    done = begin(path, serial())
    assert done.counts.done == 4
    assert not torn.exists()
    assert done.index().num_rows == 4


def cut_short(path: Path, engine: Any, monkeypatch: pytest.MonkeyPatch, checkpoints: int) -> None:
    """Begin a sweep and end it after the how-manieth checkpoint, as a second Ctrl-C does."""
    genuine = Keeper.write
    written: list[int | None] = []

    def cut(keeper: Keeper) -> None:
        genuine(keeper)
        written.append(keeper.step)
        if len(written) == checkpoints:
            raise KeyboardInterrupt

    monkeypatch.setattr(Keeper, "write", cut)
    with pytest.raises(SweepInterrupted):
        begin(path, engine)
    monkeypatch.setattr(Keeper, "write", genuine)


def test_a_point_that_was_cut_short_goes_on_from_its_checkpoint(
    make: Any, serial: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = make(OFTEN)
    whole = conduct(Plan(path, out=tmp_path / "whole"), serial())
    cut_short(path, serial(), monkeypatch, 6)  # four of the first point, and the second of the second
    done = begin(path, serial())
    assert (done.path / index.FILE).read_bytes() == (whole.path / index.FILE).read_bytes()
    manifests = [json.loads((done.path / row["path"] / "manifest.json").read_text()) for row in done.index().to_pylist()]
    assert [[each["step"] for each in manifest["resumed"]] for manifest in manifests] == [[], [4], [], []]
    assert not (done.path / "attempts").exists()


def test_a_point_that_another_worker_still_writes_is_run_beside_it(
    make: Any, serial: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(OFTEN)
    cut_short(path, serial(), monkeypatch, 1)
    [folder] = path.parent.glob("sweeps/many/attempts/*/small/*")
    with lock.held(folder):
        assert begin(path, serial()).counts.done == 4


def test_a_summary_that_cannot_be_read_is_named(make: Any, serial: Any) -> None:
    path = make(AXES)
    done = begin(path, serial())
    victim = done.path / str(done.index()["path"][0]) / "summary.json"
    victim.write_text("{")
    with pytest.raises(RunError, match=r"summary\.json cannot be read .* remove .* to compute the point again"):
        begin(path, serial())


def test_threads_do_not_follow_from_the_number_of_workers(make: Any, serial: Any) -> None:
    """Torch's sums depend on its threads, and the table must not depend on --jobs."""
    seen: list[Any] = []
    begin(make(AXES), serial(lambda job: seen.append(job.scenario.host.threads)))
    assert seen == [1] * 4
    path = make(AXES + "set: {host.threads: 2}\n", "two")
    begin(path, serial(lambda job: seen.append(job.scenario.host.threads)))
    assert seen[4:] == [2] * 4


def test_a_folder_that_cannot_be_written_is_named(make: Any, serial: Any, tmp_path: Path) -> None:
    (tmp_path / "sweeps").write_text("a file")
    with pytest.raises(UsageError, match=r"cannot write to .*; choose a folder you may write to with --out"):
        begin(make(AXES), serial())


def test_the_public_function_checks_before_it_begins(make: Any, tmp_path: Path) -> None:
    import edgesim

    path = make(AXES)
    with pytest.raises(UsageError, match="unknown engine 'locl', did you mean 'local'"):
        edgesim.sweep(path, engine="locl", out=tmp_path)
    with pytest.raises(UsageError, match="engine 'local': jobs: must be at least 1; got 0"):
        edgesim.sweep(path, jobs=0, out=tmp_path)
    with pytest.raises(UsageError, match="engine 'local': adress: unknown key 'adress'; known to the engine local: kind, jobs"):
        edgesim.sweep(path, adress="x:1", out=tmp_path)
    with pytest.raises(ScenarioError):
        edgesim.sweep(make("gird: {}"), out=tmp_path)
    assert not (tmp_path / "many").exists()
