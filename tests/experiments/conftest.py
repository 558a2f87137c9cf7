"""What the tests of studies share."""

import csv
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def smoke(tmp_path: Path) -> Callable[[str], Path]:
    """Runs the smallest size of a study and draws its figures; gives the folder they are in."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def run(*words: str) -> None:
        done = subprocess.run([sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def of(study: str) -> Path:
        folder = f"experiments/{study}"
        run("-m", "edgesim", "sweep", f"{folder}/sweep.yaml", "--size", "smoke", "--jobs", "1", "--out", str(tmp_path))
        run(f"{folder}/plot.py", str(tmp_path / f"{study}-smoke"), "--out", str(tmp_path))
        return tmp_path

    return of


@pytest.fixture
def table() -> Callable[[Path], list[dict[str, str]]]:
    """Reads a CSV file."""

    def rows(path: Path) -> list[dict[str, str]]:
        with path.open(newline="") as file:
            return list(csv.DictReader(file))

    return rows
