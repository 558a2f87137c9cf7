"""A sweep with points that failed: a study draws the others and says how many are missing."""

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

from edgesim.record import index

ROOT = Path(__file__).resolve().parents[2]


def drawn(sweep: Path) -> "subprocess.CompletedProcess[str]":
    line = [sys.executable, str(ROOT / "experiments" / "xi_accounting" / "plot.py"), str(sweep), "--out", str(sweep)]
    return subprocess.run(line, cwd=sweep, capture_output=True, text=True, check=False)


def rows() -> list[dict[str, Any]]:
    """One point under each ledger, with the figures that the study reads."""
    axes = {"uplink.codec.split": "sqrt", "uplink.codec.xi": 0.1}
    figures = {f"xi.{ledger}.mean": 0.1 for ledger in ("paper", "code", "wire")} | {"steps": 3}
    facts = {"label": None, "seed": 0, "status": "done", "error": None}
    ledgers = enumerate(("paper", "code", "wire"))
    return [
        {"point": str(k), **axes, "budget.ledger": ledger, **facts, "path": f"points/{k}", **figures} for k, ledger in ledgers
    ]


def test_points_that_failed_are_left_out_and_counted(tmp_path: Path) -> None:
    missing = dict.fromkeys(("path", "xi.paper.mean", "xi.code.mean", "xi.wire.mean", "steps"))
    index.write(tmp_path, [*rows(), rows()[0] | missing | {"point": "3", "status": "failed", "error": "nan"}])
    done = drawn(tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == f"left out, failed or not computed yet: 1 points of {tmp_path}\n"
    with (tmp_path / "xi_accounting.csv").open(newline="") as file:
        assert [row["steps_paper"] for row in csv.DictReader(file)] == ["3"]


def test_a_sweep_without_a_finished_point_is_one_message(tmp_path: Path) -> None:
    index.write(tmp_path, [row | {"status": "pending"} for row in rows()])
    done = drawn(tmp_path)
    assert (done.returncode, done.stderr) == (1, f"no point of {tmp_path} is finished\n")
