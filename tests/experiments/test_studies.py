"""Every study is complete and its points are valid in every size; those that cost seconds are run."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgesim.sweep.document import Size, read_document
from edgesim.sweep.points import expand

ROOT = Path(__file__).resolve().parents[2]
STUDIES = sorted(path.parent for path in (ROOT / "experiments").glob("*/sweep.yaml"))
SIZES: tuple[Size, ...] = ("smoke", "desk", "paper")
HEADINGS = ("## Claim", "## Command", "## Cost", "## Expected", "## What we found")


def test_there_are_studies() -> None:
    assert "xi_accounting" in {study.name for study in STUDIES}


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.name)
def test_a_study_says_what_it_asks_and_what_it_found(study: Path) -> None:
    assert (study / "plot.py").is_file()
    text = (study / "README.md").read_text(encoding="utf-8")
    assert [heading for heading in HEADINGS if heading not in text] == []
    assert f"python -m edgesim sweep experiments/{study.name}/sweep.yaml" in text


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.name)
def test_every_point_of_every_size_is_valid(study: Path, size: Size) -> None:
    assert expand(read_document(study / "sweep.yaml", size))


@pytest.mark.slow
def test_xi_accounting_gives_the_realised_ratios_of_the_three_splits(tmp_path: Path) -> None:
    """T k / (B n) at B = 128, n = 197, worked out by hand: floor(128 xi^p) floor(197 xi^q) / (128 x 197)."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def run(*words: str) -> None:
        done = subprocess.run([sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    study = "experiments/xi_accounting"
    run("-m", "edgesim", "sweep", f"{study}/sweep.yaml", "--size", "smoke", "--jobs", "1", "--out", str(tmp_path))
    run(f"{study}/plot.py", str(tmp_path / "xi_accounting-smoke"), "--out", str(tmp_path))
    with (tmp_path / "xi_accounting.csv").open() as file:
        found = {(row["split"], row["xi"]): row for row in csv.DictReader(file)}
    by_hand = {
        ("sqrt", "0.1"): 40 * 62,
        ("sqrt", "0.5"): 90 * 139,
        ("fifth", "0.1"): 80 * 31,
        ("fifth", "0.5"): 111 * 113,
        ("r1bug", "0.1"): 40 * 110,
        ("r1bug", "0.5"): 90 * 165,
    }
    for case, rows in by_hand.items():
        assert float(found[case]["paper"]) == pytest.approx(rows / (128 * 197), rel=1e-12)
        assert float(found[case]["code"]) == pytest.approx(float(case[1]), rel=1e-12)
    assert (tmp_path / "sent_over_charged.pdf").stat().st_size > 1000
