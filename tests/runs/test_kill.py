"""SIGKILL at random moments, and at calls that change the disk: the script of benchmarks/kill_test.py, for a few kills."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_killed_runs_end_like_runs_that_nobody_killed() -> None:
    said = told(r"(\d+) kills in (\d+) runs of .*: (\d+) of them ended byte-identical", "--kills", "5", "--seed", "11")
    assert int(said[1]) >= 5
    assert said[2] == said[3]


@pytest.mark.slow
def test_killed_at_any_call_to_the_disk_they_leave_nothing_behind() -> None:
    said = told(
        r"(\d+) of (\d+) moments of vanilla, splitfed_v1, sweep: (\d+) of them ended byte-identical, and nothing was left",
        *("--every-call", "--sample", "12", "--seed", "3"),
    )
    assert int(said[1]) == int(said[3]) == 12
    assert int(said[2]) > 500


def told(pattern: str, *asked: str) -> "re.Match[str]":
    """What the script says of itself in its last line."""
    line = [sys.executable, str(ROOT / "benchmarks" / "kill_test.py"), *asked]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    said = re.search(pattern, done.stdout)
    assert said is not None, done.stdout
    return said
