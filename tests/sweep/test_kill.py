"""Signals, and kill -9 at several moments: what was finished stays and is not computed twice, the table comes out the same."""

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from edgesim.record import checkpoint, index
from edgesim.sweep.conduct import Plan, conduct
from edgesim.sweep.store import STOP

ROOT = Path(__file__).resolve().parents[2]
TEXT = "grid: {uplink.radio.bandwidth_hz: [1 MHz, 2 MHz, 3 MHz, 4 MHz]}\nset: {budget.steps: 12}\nseeds: [0, 1]\n"
PATIENCE_S = 120.0


def begin(
    path: Path, words: Sequence[str] = ("--jobs", "2"), start: Sequence[str] = (sys.executable,)
) -> "subprocess.Popen[str]":
    """A sweep in a process group of its own, as a shell starts it."""
    line = [*start, "-m", "edgesim", "sweep", str(path), *words, "--out", str(path.parent / "killed")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    return subprocess.Popen(line, cwd=path.parent, env=environment, stderr=pipe, stdout=pipe, text=True, start_new_session=True)


def wait_for_runs(sweep: "subprocess.Popen[str]", folder: Path, number: int) -> None:
    """Until so many points are under way."""
    limit = time.monotonic() + PATIENCE_S
    while len(list((folder / "attempts").glob("*/small/*/manifest.json"))) < number:
        assert sweep.poll() is None, sweep.communicate()[1]
        assert time.monotonic() < limit
        time.sleep(0.05)


def ended(sweep: "subprocess.Popen[str]") -> str:
    """What it said until its end; where it does not end it is killed, with all of its group."""
    try:
        return sweep.communicate(timeout=PATIENCE_S)[1]
    finally:
        if sweep.poll() is None:
            os.killpg(sweep.pid, signal.SIGKILL)


def finished(folder: Path) -> dict[str, tuple[int, int]]:
    """Every finished point, with what changes when its run is written again."""
    found = {path.parent.name: path.stat() for path in folder.glob("points/*/summary.json")}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in found.items()}


@pytest.mark.slow
def test_a_killed_sweep_goes_on_without_computing_anything_twice(make: Any, serial: Any, tmp_path: Path) -> None:
    path = make(TEXT)
    whole = conduct(Plan(path, out=tmp_path / "whole"), serial())
    folder = tmp_path / "killed" / "many"
    kept: dict[str, tuple[int, int]] = {}
    for moment in (0, 1, 4):  # finished points at which to kill: before the first, and among them
        sweep = begin(path)
        limit = time.monotonic() + PATIENCE_S
        while len(finished(folder)) < moment or not (folder / "manifest.json").exists():
            assert sweep.poll() is None, sweep.communicate()[1]
            assert time.monotonic() < limit
            time.sleep(0.01)
        sweep.kill()
        sweep.communicate()
        now = finished(folder)
        assert kept.items() <= now.items()
        assert len(now) < 8, "killed too late to show anything"
        kept = now
    last = begin(path)
    said = last.communicate(timeout=PATIENCE_S)
    assert last.returncode == 0, said[1]
    assert kept.items() <= finished(folder).items()
    assert (folder / index.FILE).read_bytes() == (whole.path / index.FILE).read_bytes()


@pytest.mark.slow
def test_workers_leave_when_their_sweep_is_gone(make: Any, tmp_path: Path) -> None:
    path = make(TEXT.replace("12", "1000000"))
    sweep = begin(path)
    wait_for_runs(sweep, tmp_path / "killed" / "many", 2)
    workers = children(sweep.pid)
    assert len(workers) >= 2
    sweep.kill()
    sweep.communicate()
    limit = time.monotonic() + PATIENCE_S
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < limit, "a worker still runs"
        time.sleep(0.1)


HEARS = [sys.executable]
DEAF = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable]  # as a shell starts what runs in its background
TO_ALL, TO_ONE = os.killpg, os.kill  # a terminal's Ctrl-C reaches every process of the group


def needs(module: str, *values: object) -> Any:
    missing = importlib.util.find_spec(module) is None
    return pytest.param(*values, marks=pytest.mark.skipif(missing, reason=f"{module} is not installed"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "start", "send", "number", "under_way"),
    [
        (["--jobs", "1"], HEARS, TO_ALL, signal.SIGINT, 1),
        (["--jobs", "2"], HEARS, TO_ALL, signal.SIGINT, 2),
        (["--jobs", "2"], DEAF, TO_ALL, signal.SIGINT, 2),
        (["--jobs", "2"], HEARS, TO_ONE, signal.SIGTERM, 2),
        needs("ray", ["--engine", "ray", "--option", "jobs=1"], HEARS, TO_ALL, signal.SIGINT, 1),
        needs("ray", ["--engine", "ray", "--option", "jobs=1"], HEARS, TO_ONE, signal.SIGTERM, 1),
        needs("distributed", ["--engine", "dask", "--option", "jobs=2"], HEARS, TO_ALL, signal.SIGINT, 2),
    ],
)
def test_the_first_signal_stops_every_point_with_a_checkpoint(
    words: list[str], start: list[str], send: Any, number: int, under_way: int, make: Any, tmp_path: Path
) -> None:
    sweep = begin(make(TEXT.replace("12", "1000000")), words, start)
    folder = tmp_path / "killed" / "many"
    wait_for_runs(sweep, folder, under_way)
    workers = children(sweep.pid)
    send(sweep.pid, number)
    said = ended(sweep)
    assert sweep.returncode == 75, said
    assert "stopping: points under way write a checkpoint first; interrupt again to stop at once" in said
    assert "stopped with 0 of 8 points finished" in said.splitlines()[-1]
    assert "Traceback" not in said
    left = [manifest.parent for manifest in (folder / "attempts").glob("*/small/*/manifest.json")]
    assert len(left) >= under_way
    for run in left:
        assert json.loads((run / "manifest.json").read_text())["status"] == "interrupted"
        assert checkpoint.everything(run)
    assert not (folder / STOP).exists()
    assert index.read(folder)["status"].to_pylist() == ["pending"] * 8
    limit = time.monotonic() + PATIENCE_S
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < limit, "a worker still runs"
        time.sleep(0.1)


@pytest.mark.slow
def test_the_second_ctrl_c_does_not_wait_for_anyone(make: Any, tmp_path: Path) -> None:
    """The workers are stopped dead, so that no answer can come from them."""
    sweep = begin(make(TEXT.replace("12", "1000000")))
    wait_for_runs(sweep, tmp_path / "killed" / "many", 2)
    for worker in workers_of(sweep.pid):
        os.kill(worker, signal.SIGSTOP)
    os.kill(sweep.pid, signal.SIGINT)
    limit = time.monotonic() + PATIENCE_S
    while not (tmp_path / "killed" / "many" / STOP).exists():
        assert sweep.poll() is None, sweep.communicate()[1]
        assert time.monotonic() < limit
        time.sleep(0.05)
    os.kill(sweep.pid, signal.SIGINT)
    said = ended(sweep)
    assert sweep.returncode == 75, said
    assert "Traceback" not in said
    assert "stopped with 0 of 8 points finished" in said.splitlines()[-1]


@pytest.mark.slow
def test_a_point_whose_workers_are_killed_fails_and_the_sweep_goes_on(make: Any, tmp_path: Path) -> None:
    """What the kernel does to the largest process when memory runs out: at first to one of two, then to the one alone."""
    sweep = begin(make(TEXT.replace("12", "1000000")))
    folder = tmp_path / "killed" / "many"
    wait_for_runs(sweep, folder, 2)
    limit = time.monotonic() + PATIENCE_S
    while not (failures := list((folder / "failed").glob("*.json"))):
        assert sweep.poll() is None, sweep.communicate()[1]
        assert time.monotonic() < limit
        for each in workers_of(sweep.pid):
            with contextlib.suppress(OSError):  # gone meanwhile
                os.kill(each, signal.SIGKILL)
        time.sleep(1.0)
    assert "its worker was killed twice" in failures[0].read_text()
    assert sweep.poll() is None
    os.killpg(sweep.pid, signal.SIGINT)
    _, said = sweep.communicate(timeout=PATIENCE_S)
    assert sweep.returncode == 75
    assert "Traceback" not in said
    assert {"failed", "pending"} == set(index.read(folder)["status"].to_pylist())


def workers_of(sweep: int) -> list[int]:
    """Those of its processes that compute points on this machine."""
    found = []
    for each in children(sweep):
        with contextlib.suppress(OSError):  # gone meanwhile
            found += [each] if b"popen_loky" in Path(f"/proc/{each}/cmdline").read_bytes() else []
    return found


def children(parent: int) -> list[int]:
    """Processes started by a process (Linux)."""
    found = Path(f"/proc/{parent}/task/{parent}/children")
    if not found.exists():
        pytest.skip("this kernel does not list a process's children")
    return [int(each) for each in found.read_text().split()]
