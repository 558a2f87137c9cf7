"""Every study is complete and its points are valid in every size; those that cost seconds are run."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from edgesim.sweep.document import Size, read_document
from edgesim.sweep.points import expand

ROOT = Path(__file__).resolve().parents[2]
STUDIES = sorted(path.parent for path in (ROOT / "experiments").glob("*/sweep.yaml"))
SIZES: tuple[Size, ...] = ("smoke", "desk", "paper")
Smoke = Callable[[str], Path]
Table = Callable[[Path], list[dict[str, str]]]
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
def test_xi_accounting_gives_the_realised_ratios_of_the_three_splits(smoke: Smoke, table: Table) -> None:
    """T k / (B n) at B = 128, n = 197, worked out by hand: floor(128 xi^p) floor(197 xi^q) / (128 x 197)."""
    out = smoke("xi_accounting")
    found = {(row["split"], row["xi"]): row for row in table(out / "xi_accounting.csv")}
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
    assert (out / "sent_over_charged.pdf").stat().st_size > 1000


# The mean of both directions in the paper's ledger, by hand: B, n, d are 64, 17, 48 for digits and 16, 5, 192 for CIFAR-100.
SPENT = {
    "codecs_digits": {
        "identity": 1.0,
        "adc": 28 * 7 / (64 * 17),
        "adc + 8 bits": 28 * 7 / (64 * 17) / 4,
        "adc + 4 bits": 28 * 7 / (64 * 17) / 8,
        "8 bits": 1 / 4,
        "4 bits": 1 / 8,
        "c3sl": 1 / 5,
        "bottlenet": 10 / 48,
        "tome": 3 / 17,
        "evit": 3 / 17,
        "lowrank*": 7 * 23 / (17 * 48),
        "fedlite*": (64 / (64 * 204) + 204 * 6 / (32 * 816) + 8 / 32) / 2,
    },
    "codecs_cifar100": {
        "adc": 7 * 2 / (16 * 5),
        "adc + 4 bits": 7 * 2 / (16 * 5) / 8,
        "topk": 166 / 960 * (2 + math.log2(960) / 32) / 2,
        "bottlenet": 38 / 192,
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("study", SPENT)
def test_codecs_are_compared_at_one_budget(study: str, smoke: Smoke, table: Table) -> None:
    out = smoke(study)
    rows = {row["codec"]: row for row in table(out / "accuracy.csv")}
    assert list(rows) == sorted(rows, key=lambda label: -max(float(rows[label][f"accuracy_{look}"]) for look in ("off", "on")))
    for label, spent in SPENT[study].items():
        assert float(rows[label]["xi_paper"]) == pytest.approx(spent, abs=5e-5), label
    looks = table(out / "curves.csv")
    assert {look["codec"] for look in looks} == set(rows)
    for label in rows:
        mine = [look for look in looks if look["codec"] == label]
        share = float(mine[-1]["budget_spent"]) / int(mine[-1]["step"])  # of one step
        assert 1.0 - share - 1e-4 <= float(mine[-1]["budget_spent"]) <= 1.0, label
    assert (out / "accuracy.pdf").stat().st_size > 1000
