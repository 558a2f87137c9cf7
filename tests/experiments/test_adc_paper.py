"""The studies of the ADC paper's figures: their smallest size, against what is known by hand."""

import importlib.util
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgesim.sweep.document import read_document
from edgesim.sweep.points import expand

ROOT = Path(__file__).resolve().parents[2]
Smoke = Callable[[str], Path]
Table = Callable[[Path], list[dict[str, str]]]

# The values sent over all values, by hand, with B, n = 64, 17 and whole T and k:
# floor(64 sqrt(0.4)) = 40, floor(17 sqrt(0.4)) = 10.
OVER_XI = {
    "no compression": 1.0,
    "adc": 28 * 7 / (64 * 17),
    "topk": 0.2,
    "randtopk": 0.2,
    "c3sl": 0.2,
    "bottlenet": 10 / 48,
    "quantise": 4 / 32,
    "adc + 4 bits": 40 * 10 / (64 * 17) * 4 / 32,
}


@pytest.mark.slow
def test_accuracy_vs_compression_has_a_row_a_method_at_the_ratio_that_came_of_it(smoke: Smoke, table: Table) -> None:
    out = smoke("accuracy_vs_compression")
    rows = table(out / "accuracy.csv")
    assert [row["method"] for row in rows] == list(OVER_XI)
    for row in rows:
        assert float(row["xi_paper"]) == pytest.approx(OVER_XI[row["method"]], rel=2e-3), row["method"]  # k is whole
    assert (out / "accuracy.pdf").stat().st_size > 1000


@pytest.mark.slow
def test_learning_curves_end_where_the_next_step_would_exceed_the_budget(smoke: Smoke, table: Table) -> None:
    out = smoke("learning_curves")
    looks = table(out / "curves.csv")
    ends = {look["codec"]: (int(look["step"]), float(look["budget_spent"])) for look in looks}
    assert [label.rpartition(" ")[0] for label in ends] == [method for method in OVER_XI if "+" not in method]
    for label, (step, spent) in ends.items():
        assert 1.0 - spent / step - 1e-4 <= spent <= 1.0, label
    assert (out / "curves.pdf").stat().st_size > 1000


def compared(rows: list[dict[str, str]], *keys: str) -> dict[tuple[str, ...], dict[str, float]]:
    """The means of comparison.csv: values of the keys -> metric -> mean."""
    found: dict[tuple[str, ...], dict[str, float]] = {}
    for row in rows:
        found.setdefault(tuple(row[key] for key in keys), {})[row["metric"]] = float(row["mean"])
    return found


@pytest.mark.slow
def test_merge_vector_compares_four_vectors_at_the_same_cost(smoke: Smoke, table: Table) -> None:
    out = smoke("merge_vector")
    found = compared(table(out / "comparison.csv"), "uplink.codec.key")
    assert set(found) == {("cls_score",), ("patch_score",), ("cls_token",), ("avg_token",)}
    for each in found.values():
        assert each["xi.paper.mean"] == pytest.approx(28 * 7 / (64 * 17), rel=1e-12)
        assert each["steps"] == 0.1 * 1437 * 17 // (28 * 7)  # what 0.1 epochs of whole samples buy
    assert (out / "accuracy_vs_xi.pdf").stat().st_size > 1000


@pytest.mark.slow
def test_balance_grid_buys_steps_with_what_is_left_out(smoke: Smoke, table: Table) -> None:
    out = smoke("balance_grid")
    found = compared(table(out / "comparison.csv"), "uplink.codec.T", "uplink.codec.k")
    assert set(found) == {("32", "8"), ("32", "17"), ("64", "8"), ("64", "17")}
    for (T, k), each in found.items():
        assert each["xi.paper.mean"] == pytest.approx(int(T) * int(k) / (64 * 17), rel=1e-12)
        assert each["steps"] == 0.1 * 1437 * 17 // (int(T) * int(k))
    assert (out / "balance_grid.pdf").stat().st_size > 1000


@pytest.mark.slow
def test_batch_size_buys_twice_the_steps_with_half_the_batch(smoke: Smoke, table: Table) -> None:
    out = smoke("batch_size")
    found = compared(table(out / "comparison.csv"), "data.batch_size", "uplink.codec.xi")
    sent = {("64", "0.2"): 28 * 7, ("64", "1"): 64 * 17, ("128", "0.2"): 57 * 7, ("128", "1"): 128 * 17}
    assert {key: each["steps"] for key, each in found.items()} == {
        key: 0.2 * 1437 * 17 // tokens for key, tokens in sent.items()
    }


def test_every_point_of_the_pretrained_clusters_is_valid() -> None:
    assert len(expand(read_document(ROOT / "experiments" / "clusters" / "pretrained.yaml"))) == 4 * 2 * 5


def test_pairs_of_one_class_are_counted_within_clusters_and_overall() -> None:
    """Clusters aab, b, cc: 1 of 3 + 1 of 1 pairs are alike; of all 15 pairs of the batch aa, bb and cc."""
    found = plot_of("clusters").measured([["a", "a", "b"], ["b"], ["c", "c"]])
    expected = {"clusters": 3, "singles": 1, "largest": 3, "same_class": 2 / 4, "chance": 3 / 15}
    assert found == pytest.approx(expected)


def plot_of(study: str) -> Any:
    """A study's plot.py as a module."""
    spec = importlib.util.spec_from_file_location(f"{study}_plot", ROOT / "experiments" / study / "plot.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_clusters_are_drawn_and_counted_at_both_ratios(smoke: Smoke, table: Table) -> None:
    out = smoke("clusters")
    rows = {row["xi"]: row for row in table(out / "clusters.csv")}
    most = {"0.05": math.floor(64 * math.sqrt(0.05)), "0.2": math.floor(64 * math.sqrt(0.2))}
    assert set(rows) == set(most)
    for xi, row in rows.items():
        assert 2 <= float(row["clusters"]) <= most[xi]
        assert (out / f"clusters_{xi}.pdf").stat().st_size > 1000
