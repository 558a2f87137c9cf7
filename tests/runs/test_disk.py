"""A disk that fails at every call in turn, a folder that vanishes, memory that runs out: one message, and nothing is lost."""

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

from edgesim.errors import RunError
from edgesim.record import atomic, checkpoint, evaluations, lock, recovery
from edgesim.runner import run
from edgesim.scenario import Scenario
from edgesim.session import Session

CALLS = ("_open", "_write", "_sync", "_rename", "_unlink")
FAILURES = (errno.ENOSPC, errno.EIO, errno.EACCES)
TABLES = ("steps.parquet", "transfers.parquet", "entries.parquet", "evaluations.csv")


class Disk:
    """Stands between a run and the system: counts its calls, and fails at one of them or from it on.

    at     the how-manieth call fails; None: none does
    code   the error number
    stays  whether all calls after it fail too, as on a full disk
    """

    def __init__(self, at: int | None = None, code: int = 0, *, stays: bool = False) -> None:
        self.at, self.code, self.stays = at, code, stays
        self.calls = 0
        self.path: str | None = None

    def layer(self, genuine: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            self.calls += 1
            if self.at is not None and (self.calls == self.at or (self.stays and self.calls > self.at)):
                raise OSError(self.code, os.strerror(self.code))
            return genuine(*arguments)

        return call


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Disk], None]]:
    """Put a disk in the system's place."""
    genuine = {name: getattr(atomic, name) for name in CALLS} | {"_sync": lambda descriptor: None}  # no power fails here

    def placed(disk: Disk) -> None:
        for name, call in genuine.items():
            monkeypatch.setattr(atomic, name, disk.layer(call))

    return placed


@pytest.fixture
def scenario(make: Any) -> Scenario:
    """Five steps without tensors, checkpoints in between."""
    found: Scenario = make(budget={"steps": 5}, host={"threads": 1, "checkpoint_every_steps": 2})
    return found


def done(scenario: Scenario, out: Path, **how: Any) -> Path:
    return run(scenario, out=out, timing_only=True, trace=True, **how).path


def tables_of(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in TABLES}


def assert_nothing_is_torn(folder: Path) -> None:
    """Whatever can be read is whole, and every checkpoint's rows are there."""
    assert not lock.is_held(folder)
    for path in folder.rglob("*.parquet"):
        pq.ParquetFile(path).read()
    for path in folder.glob("*.json"):
        json.loads(path.read_text())
    evaluations.rows_of(folder)
    found = checkpoint.latest(folder, recovery.rows(folder))
    assert not found.refused
    assert len(checkpoint.everything(folder)) <= checkpoint.KEPT + 1
    if (folder / "summary.json").is_file():
        assert json.loads((folder / "summary.json").read_text())["steps"] == 5


@pytest.mark.slow
@pytest.mark.parametrize("code", FAILURES, ids=errno.errorcode.get)
def test_every_call_to_the_disk_may_fail(code: int, scenario: Scenario, put: Any, tmp_path: Path) -> None:
    counting = Disk()
    put(counting)
    expected = tables_of(done(scenario, tmp_path / "whole"))
    assert counting.calls > 100
    for at in range(1, counting.calls + 1):
        out = tmp_path / str(at)
        put(Disk(at, code, stays=code == errno.ENOSPC))
        with pytest.raises(RunError) as caught:
            done(scenario, out)
        assert caught.value.exit_code == 1
        assert os.strerror(code) in str(caught.value)
        assert "\n" not in str(caught.value)
        [folder] = (out / "small").iterdir()
        assert_nothing_is_torn(folder)
        put(Disk())
        again = done(scenario, out, resume=True)
        assert tables_of(again) == expected, at
        assert not list(again.rglob(".*")), at
        shutil.rmtree(out)


def test_short_writes_are_completed(scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = tables_of(done(scenario, tmp_path / "whole"))
    monkeypatch.setattr(atomic, "_write", lambda descriptor, content: os.write(descriptor, content[:1000]))
    assert tables_of(done(scenario, tmp_path / "short")) == expected


def test_a_disk_that_takes_nothing_is_an_error_and_no_hang(
    scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic, "_write", lambda descriptor, content: 0)
    with pytest.raises(RunError, match="Input/output error"):
        done(scenario, tmp_path)


@pytest.mark.parametrize("at", [20, 40, 50])
def test_a_folder_that_vanishes_is_one_message_and_is_not_made_anew(
    at: int, scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def vanishing(*arguments: Any) -> int:
        nonlocal calls
        calls += 1
        if calls == at:
            shutil.rmtree(tmp_path / "small")
        return os.open(*arguments)

    monkeypatch.setattr(atomic, "_open", vanishing)
    with pytest.raises(RunError, match=r"cannot (write|make) .*No such file or directory"):
        done(scenario, tmp_path)
    assert not (tmp_path / "small").exists()


def test_a_clock_that_jumps_back_changes_nothing(scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = tables_of(done(scenario, tmp_path / "whole"))
    now = 2e9

    def backwards() -> float:
        nonlocal now
        now -= 1e6
        return now

    monkeypatch.setattr("time.time", backwards)
    assert tables_of(done(scenario, tmp_path / "back")) == expected


@pytest.mark.parametrize(
    ("error", "whose"),
    [
        (MemoryError(), "this machine"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes"), "this machine"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB"), "the accelerator"),
    ],
)
def test_memory_that_runs_out_says_what_to_lower_and_the_run_can_be_resumed(
    error: Exception, whose: str, scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = tables_of(done(scenario, tmp_path / "whole"))
    step = Session._step

    def greedy(session: Session, row: Any, loss: Any) -> None:
        if row.step == 4:
            raise error
        step(session, row, loss)

    with monkeypatch.context() as patch:
        patch.setattr(Session, "_step", greedy)
        with pytest.raises(RunError, match=f"the memory of {whose} ran out.*: lower data.batch_size, clients.count or"):
            done(scenario, tmp_path / "short")
    [folder] = (tmp_path / "short" / "small").iterdir()
    assert json.loads((folder / "manifest.json").read_text())["status"] == "failed"
    assert_nothing_is_torn(folder)
    assert tables_of(done(scenario, tmp_path / "short", resume=True)) == expected


def test_another_runtime_error_is_not_taken_for_memory(
    scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(session: Session, row: Any, loss: Any) -> None:
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(Session, "_step", wrong)
    with pytest.raises(RuntimeError, match="shapes differ"):
        done(scenario, tmp_path)
