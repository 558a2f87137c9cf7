"""Intervals and paired differences against textbook values, and what may be compared with what."""

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import pytest

from edgesim.errors import UsageError
from edgesim.record import index
from edgesim.report.compare import compare
from edgesim.report.estimate import Estimate, digits, estimate
from edgesim.report.tables import as_csv, as_latex, cells

# Student, "The probable error of a mean", Biometrika 6 (1908): hours of sleep gained by the same ten patients with two drugs.
DEXTRO = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
LAEVO = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


@pytest.mark.parametrize(("n", "quantile"), [(2, 12.706), (3, 4.303), (5, 2.776), (10, 2.262), (20, 2.093)])
def test_the_interval_uses_the_tabulated_quantiles_of_student(n: int, quantile: float) -> None:
    """n values +1 and -1 around 7 (and a 7 where n is odd): s is known by hand."""
    values = [7.0 + (-1.0) ** k for k in range(n - n % 2)] + [7.0] * (n % 2)
    spread = math.sqrt((n - n % 2) / (n - 1))
    found = estimate(values)
    assert (found.mean, found.n) == (7.0, n)
    assert found.half == pytest.approx(quantile * spread / math.sqrt(n), rel=2e-4)  # the tables have four digits


def test_one_seed_has_no_interval() -> None:
    assert estimate([0.5]) == Estimate(0.5, None, 1)
    assert digits(estimate([0.5])) == "0.5"


def test_digits_follow_the_interval() -> None:
    assert digits(Estimate(0.96394, 0.00214, 3)) == "0.9639 +- 0.0021"
    assert digits(Estimate(1234.5, 67.8, 3)) == "1234 +- 68"
    assert digits(Estimate(-0.5, 0.0214, 3), signed=True) == "-0.500 +- 0.021"
    assert digits(Estimate(0.25, 0.0, 3)) == digits(Estimate(0.25, 2.5e-16, 3)) == "0.25"
    assert digits(None) == "-"


def sweep(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """A sweep's folder with these rows: label, axes, seed, figures."""
    folder.mkdir(exist_ok=True)
    whole = []
    for number, row in enumerate(rows):
        before = {key: value for key, value in row.items() if key in ("label", "uplink.codec.xi")}
        after = {key: value for key, value in row.items() if key not in before and key != "seed"}
        facts = {"status": "done", "path": f"points/{number}", "error": None}
        whole.append({"point": str(number), "label": None, **before, "seed": row["seed"], **facts, **after})
    index.write(folder, whole)
    return folder


def drugs() -> list[dict[str, Any]]:
    both = {"dextro": DEXTRO, "laevo": LAEVO}
    return [{"label": name, "seed": k, "accuracy": x} for name, hours in both.items() for k, x in enumerate(hours)]


def test_paired_differences_are_students(tmp_path: Path) -> None:
    """t(9) interval of the ten differences: 1.58 with 0.70 to 2.46, as every textbook on the data has it."""
    found = compare([sweep(tmp_path / "s", drugs())], metrics=["accuracy"])
    assert (found.by, found.baseline) == (("label",), "dextro")
    first, second = found.lines
    assert first.difference == {"accuracy": None}
    gain = second.difference["accuracy"]
    assert gain is not None
    assert gain.half is not None
    assert (gain.mean, gain.n) == (pytest.approx(1.58), 10)
    assert (gain.mean - gain.half, gain.mean + gain.half) == (
        pytest.approx(0.7001142, abs=1e-6),
        pytest.approx(2.4598858, abs=1e-6),
    )
    alone = second.metrics["accuracy"]
    assert alone is not None
    assert alone.mean == pytest.approx(2.33)
    assert alone.half is not None
    assert alone.half > gain.half  # the patients' own differences have cancelled


def test_differences_are_taken_over_common_seeds_only(tmp_path: Path) -> None:
    rows = [
        {"label": "a", "seed": 0, "accuracy": 0.1},
        {"label": "a", "seed": 1, "accuracy": 0.2},
        {"label": "b", "seed": 1, "accuracy": 0.5},
        {"label": "b", "seed": 2, "accuracy": 0.9},
        {"label": "c", "seed": 7, "accuracy": 0.3},
    ]
    found = compare([sweep(tmp_path / "s", rows)])
    assert [line.difference["accuracy"] for line in found.lines] == [None, Estimate(pytest.approx(0.3), None, 1), None]
    turned = compare([tmp_path / "s"], baseline="b")
    assert turned.lines[0].difference["accuracy"] == Estimate(pytest.approx(-0.3), None, 1)


def test_the_first_key_is_compared_within_the_others(tmp_path: Path) -> None:
    rows = [
        {"label": label, "uplink.codec.xi": xi, "seed": seed, "accuracy": base + xi + 0.01 * seed}
        for label, base in (("adc", 0.5), ("topk", 0.3))
        for xi in (0.1, 0.2)
        for seed in (0, 1)
    ]
    found = compare([sweep(tmp_path / "s", rows)])
    assert found.by == ("label", "uplink.codec.xi")
    assert [line.keys for line in found.lines] == [("adc", "0.1"), ("adc", "0.2"), ("topk", "0.1"), ("topk", "0.2")]
    for line in found.lines[2:]:
        gain = line.difference["accuracy"]
        assert gain is not None
        assert gain.mean == pytest.approx(-0.2)
        assert gain.half == pytest.approx(0.0, abs=1e-12)


def test_runs_that_differ_in_more_than_the_seed_are_not_averaged(tmp_path: Path) -> None:
    rows = [{"label": "a", "uplink.codec.xi": xi, "seed": 0, "accuracy": 0.5} for xi in (0.1, 0.2)]
    with pytest.raises(
        UsageError, match=r"label a: several runs have seed 0 and differ in uplink\.codec\.xi; add --by uplink\.codec\.xi"
    ):
        compare([sweep(tmp_path / "s", rows)], by=["label"])
    with pytest.raises(UsageError, match="are the same scenario and seed 0: leave one of them out"):
        compare([tmp_path / "s", tmp_path / "s"])


def run(folder: Path, seed: int, xi: float, accuracy: float) -> Path:
    """A run's folder as far as it is read."""
    folder.mkdir()
    (folder / "summary.json").write_text(json.dumps({"accuracy": accuracy, "wall_s": 1.0}))
    codec = {"kind": "adc", "xi": xi, "split": "sqrt"}
    scenario = {"name": folder.name, "seed": seed, "uplink": {"codec": codec}, "clients": [{"device": "phone_mid"}]}
    (folder / "resolved.yaml").write_text(json.dumps(scenario))
    (folder / "manifest.json").write_text('{"status": "done"}')
    return folder


def test_runs_are_told_apart_by_what_their_scenarios_differ_in(tmp_path: Path) -> None:
    runs = [run(tmp_path / f"r{n}", n % 2, (0.1, 0.2)[n // 2], 0.5 + n / 10) for n in range(4)]
    found = compare(runs)
    assert found.by == ("uplink.codec.xi",)
    assert [line.metrics["accuracy"] and line.metrics["accuracy"].n for line in found.lines] == [2, 2]
    assert compare(runs[:2], by=["uplink.codec.kind"]).lines[0].keys == ("adc",)
    assert compare(runs[:2], by=["clients.device"]).lines[0].keys == ("phone_mid",)
    with pytest.raises(UsageError, match=r"--by uplink\.codec\.ix: no run has such a key, did you mean 'uplink\.codec\.xi'"):
        compare(runs, by=["uplink.codec.ix"])
    with pytest.raises(UsageError, match="--metric acuracy: no run has a figure of that name, did you mean 'accuracy'"):
        compare(runs, metrics=["acuracy"])
    with pytest.raises(UsageError, match=r"--baseline 0\.3: not a value of uplink\.codec\.xi \(0\.1, 0\.2\)"):
        compare(runs, baseline="0.3")


@pytest.mark.parametrize("status", ["interrupted", "failed", "running"])
def test_a_run_that_did_not_come_to_its_end_is_in_no_mean(status: str, tmp_path: Path) -> None:
    whole = [run(tmp_path / f"r{seed}", seed, 0.1, 0.5) for seed in (0, 1)]
    torn = run(tmp_path / "torn", 2, 0.1, 0.1)
    (torn / "manifest.json").write_text(json.dumps({"status": status}))
    if status != "interrupted":
        (torn / "summary.json").unlink()
    found = compare([*whole, torn])
    assert found.lines[0].metrics["accuracy"] == Estimate(0.5, 0.0, 2)
    assert found.left_out == 1
    with pytest.raises(UsageError, match="no finished run in"):
        compare([torn, torn])


def test_folders_that_hold_nothing_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it is no sweep and no run"):
        compare([tmp_path])
    index.write(tmp_path, [{"point": "a", "label": None, "seed": 0, "status": "failed", "path": None, "error": "nan"}])
    with pytest.raises(UsageError, match="no finished run in"):
        compare([tmp_path])


def test_seeds_alone_are_one_line(tmp_path: Path) -> None:
    found = compare([run(tmp_path / f"r{seed}", seed, 0.1, 0.5 + seed / 10) for seed in (0, 1)])
    assert [(line.keys, line.metrics["accuracy"] and line.metrics["accuracy"].n) for line in found.lines] == [(("adc",), 2)]


def test_the_three_forms_say_the_same(tmp_path: Path) -> None:
    rows = [{**row, "label": str(row["label"]).replace("laevo", "50%_laevo")} for row in drugs()]
    found = compare([sweep(tmp_path / "s", rows)], metrics=["accuracy"])
    head, body = cells(found)
    assert head == ["label", "n", "accuracy", "minus dextro"]
    assert body == [["dextro", "10", "0.8 +- 1.3", "-"], ["50%_laevo", "10", "2.3 +- 1.4", "+1.58 +- 0.88"]]
    assert as_latex(found).splitlines()[1:] == [
        r"\begin{tabular}{lrrr}",
        r"\toprule",
        r"label & n & accuracy & minus dextro \\",
        r"\midrule",
        r"dextro & $10$ & $0.8 \pm 1.3$ & -- \\",
        r"50\%\_laevo & $10$ & $2.3 \pm 1.4$ & $+1.58 \pm 0.88$ \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]
    second = list(csv.DictReader(io.StringIO(as_csv(found))))[1]
    assert (second["label"], second["baseline"], second["n"]) == ("50%_laevo", "dextro", "10")
    assert float(second["difference_high"]) == pytest.approx(2.4598858, abs=1e-6)


def test_latex_writes_powers_of_ten_as_such(tmp_path: Path) -> None:
    rows = [{"label": label, "seed": 0, "energy_j.total": joules} for label, joules in (("a", 14940.0), ("b", 17140.0))]
    found = compare([sweep(tmp_path / "s", rows)], metrics=["energy_j.total"])
    assert r"a & $1$ & $1.494 \cdot 10^{4}$ & -- \\" in as_latex(found)


def test_what_is_over_fewer_seeds_than_the_line_says_so(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"label": "a", "seed": seed, "accuracy": 0.5, "loss": 1.0} for seed in range(3)]
    rows += [{"label": "b", "seed": seed, "accuracy": 0.25, "loss": 2.0 if seed > 1 else None} for seed in range(2, 5)]
    found = compare([sweep(tmp_path / "s", rows)], metrics=["accuracy", "loss"])
    _, body = cells(found)
    assert body == [["a", "3", "0.5", "-", "1", "-"], ["b", "3", "0.25", "-0.25 (1)", "2", "+1 (1)"]]
    [last] = [row for row in csv.DictReader(io.StringIO(as_csv(found))) if (row["label"], row["metric"]) == ("b", "loss")]
    assert (last["n"], last["difference_n"]) == ("3", "1")


def test_a_name_that_begins_like_an_option_of_the_line_before_is_kept_apart(tmp_path: Path) -> None:
    r"""LaTeX reads `\\` and the next line's `[0.5]` or `*` as one command."""
    rows = [{"label": label, "seed": 0, "accuracy": 0.5} for label in ("a", "[0.5]", "*")]
    text = as_latex(compare([sweep(tmp_path / "s", rows)]))
    assert "\n{[}0.5] & " in text
    assert "\n{*} & " in text
