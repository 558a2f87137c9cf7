"""SIGKILL at random moments: the script of benchmarks/kill_test.py, for a few kills."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_killed_runs_end_like_runs_that_nobody_killed() -> None:
    line = [sys.executable, str(ROOT / "benchmarks" / "kill_test.py"), "--kills", "5", "--seed", "11"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    said = re.search(r"(\d+) kills in (\d+) runs of .*: (\d+) of them ended byte-identical", done.stdout)
    assert said is not None, done.stdout
    assert int(said[1]) >= 5
    assert said[2] == said[3]
