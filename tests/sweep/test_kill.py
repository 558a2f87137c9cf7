"""kill -9 at several moments: what was finished stays, nothing of it is computed twice, and the table comes out the same."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from edgesim.record import index
from edgesim.sweep.conduct import Plan, conduct

ROOT = Path(__file__).resolve().parents[2]
TEXT = "grid: {uplink.radio.bandwidth_hz: [1 MHz, 2 MHz, 3 MHz, 4 MHz]}\nset: {budget.steps: 12}\nseeds: [0, 1]\n"
PATIENCE_S = 120.0


def begin(path: Path, jobs: int = 2) -> "subprocess.Popen[str]":
    """A sweep in a process group of its own, as a shell starts it."""
    line = [sys.executable, "-m", "edgesim", "sweep", str(path), "--jobs", str(jobs), "--out", str(path.parent / "killed")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    return subprocess.Popen(line, cwd=path.parent, env=environment, stderr=pipe, stdout=pipe, text=True, start_new_session=True)


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
    limit = time.monotonic() + PATIENCE_S
    attempts = tmp_path / "killed" / "many" / "attempts"
    while len(list(attempts.glob("*/small/*/manifest.json"))) < 2:
        assert sweep.poll() is None, sweep.communicate()[1]
        assert time.monotonic() < limit
        time.sleep(0.05)
    workers = children(sweep.pid)
    assert len(workers) >= 2
    sweep.kill()
    sweep.communicate()
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < limit, "a worker still runs"
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_ends_the_sweep_and_its_workers(make: Any, tmp_path: Path, jobs: int) -> None:
    """As a terminal does it: every process of the group gets the signal."""
    sweep = begin(make(TEXT.replace("12", "1000000")), jobs)
    limit = time.monotonic() + PATIENCE_S
    attempts = tmp_path / "killed" / "many" / "attempts"
    while len(list(attempts.glob("*/small/*/manifest.json"))) < jobs:
        assert sweep.poll() is None, sweep.communicate()[1]
        assert time.monotonic() < limit
        time.sleep(0.05)
    time.sleep(1.0)  # some steps
    workers = children(sweep.pid)
    os.killpg(sweep.pid, signal.SIGINT)
    _, said = sweep.communicate(timeout=PATIENCE_S)
    assert sweep.returncode == 75, said
    assert "stopped with 0 of 8 points finished" in said.splitlines()[-1]
    assert "Traceback" not in said
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < limit, "a worker still runs"
        time.sleep(0.1)
    assert index.read(tmp_path / "killed" / "many")["status"].to_pylist() == ["pending"] * 8


@pytest.mark.slow
def test_a_point_whose_workers_are_killed_fails_and_the_sweep_goes_on(make: Any, tmp_path: Path) -> None:
    """What the kernel does to the largest process when memory runs out: at first to one of two, then to the one alone."""
    sweep = begin(make(TEXT.replace("12", "1000000")))
    folder = tmp_path / "killed" / "many"
    limit = time.monotonic() + PATIENCE_S
    while len(list((folder / "attempts").glob("*/small/*/manifest.json"))) < 2:
        assert sweep.poll() is None, sweep.communicate()[1]
        assert time.monotonic() < limit
        time.sleep(0.05)
    while not (failures := list((folder / "failed").glob("*.json"))):
        assert sweep.poll() is None, sweep.communicate()[1]
        assert time.monotonic() < limit
        for each in children(sweep.pid):
            with contextlib.suppress(OSError):  # gone meanwhile
                if b"popen_loky" in Path(f"/proc/{each}/cmdline").read_bytes():
                    os.kill(each, signal.SIGKILL)
        time.sleep(1.0)
    assert "its worker was killed twice" in failures[0].read_text()
    assert sweep.poll() is None
    os.killpg(sweep.pid, signal.SIGINT)
    _, said = sweep.communicate(timeout=PATIENCE_S)
    assert sweep.returncode == 75
    assert "Traceback" not in said
    assert {"failed", "pending"} == set(index.read(folder)["status"].to_pylist())


def children(parent: int) -> list[int]:
    """Processes started by a process (Linux)."""
    found = Path(f"/proc/{parent}/task/{parent}/children")
    if not found.exists():
        pytest.skip("this kernel does not list a process's children")
    return [int(each) for each in found.read_text().split()]
