"""Figures of sweeps against numbers worked out by hand: means and intervals over seeds, the front, shares of steps."""

import csv
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest

from edgesim.errors import UsageError
from edgesim.record import evaluations, index, tables
from edgesim.report import page
from edgesim.report.estimate import interval
from edgesim.report.figures.accuracy_vs_budget import averaged
from edgesim.report.figures.accuracy_vs_xi import AccuracyVsXi
from edgesim.report.figures.base import Numbers
from edgesim.report.figures.pareto import front
from edgesim.report.plot import plot

T3 = 4.302653  # Student's t, 97.5 %, 2 degrees of freedom: any table
AXES = ("label", "uplink.codec.xi", "uplink.channel.snr_db")


def sweep(folder: Path, rows: list[dict[str, Any]], status: str = "done") -> Path:
    """A sweep's folder with these points: axes, seed, figures of their summaries."""
    folder.mkdir()
    whole = []
    for number, row in enumerate(rows):
        axes = {key: row[key] for key in AXES if key in row}
        facts = {"seed": row["seed"], "status": status, "path": f"points/{number}", "error": None, "budget.ledger": "paper"}
        whole.append({"point": str(number), "label": None} | axes | facts | row)
    index.write(folder, whole)
    return folder


def drawn(kind: str, *folders: Path) -> list[dict[str, str]]:
    """The lines of the figure's CSV."""
    with plot(kind, folders, folders[0] / "out").files[2].open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_accuracy_over_xi_is_a_curve_a_method_with_students_interval(tmp_path: Path) -> None:
    """Accuracies m - 0.1, m, m + 0.1 of three seeds: s = 0.1, half the interval t s / sqrt(3)."""
    rows = [
        {"label": label, "uplink.codec.xi": xi, "seed": seed, "accuracy": at + 0.1 * (seed - 1), "xi.paper.mean": 0.9 * xi}
        for label, at in (("ADC", 0.8), ("Top-K", 0.5))
        for xi in (0.5, 0.1)
        for seed in (0, 1, 2)
    ]
    shown = drawn("accuracy_vs_xi", sweep(tmp_path / "s", rows))
    assert [(row["curve"], float(row["xi"]), row["ledger"], row["n"]) for row in shown] == [
        (label, pytest.approx(0.9 * xi), "paper", "3") for label in ("ADC", "Top-K") for xi in (0.1, 0.5)
    ]
    half = T3 * 0.1 / 3**0.5
    for row, mean in zip(shown, (0.8, 0.8, 0.5, 0.5), strict=True):
        told = [float(row[key]) for key in ("mean", "low", "high")]
        assert told == pytest.approx([mean, mean - half, mean + half], rel=1e-6)


def test_names_are_no_mathematics(tmp_path: Path) -> None:
    """Dollars and backslashes in a label; ratios so wide that the axis is logarithmic."""
    rows = [
        {"label": r"$\nosuch{$", "uplink.codec.xi": xi, "seed": 0, "accuracy": 0.5, "xi.paper.mean": xi} for xi in (1.0, 0.01)
    ]
    for row in rows:
        row |= {"latency_s.by_phase.uplink": 1.0, "energy_j.by_phase.uplink": 1.0, "steps": 1}
    assert {row["curve"] for row in drawn("accuracy_vs_xi", sweep(tmp_path / "s", rows))} == {r"$\nosuch{$"}
    assert plot("phases", [tmp_path / "s"]).left_out == 0


HOSTILE = [
    "ADC, sqrt",
    "ünï-côdé",
    "a_b%$x$&#{}^~",
    "8 bits, " + "a very long name " * 4,
    "<script>",
    "x" * 300,
]


def test_twelve_long_and_foreign_names_fit_the_column_and_leave_room_for_the_curves() -> None:
    names = [*HOSTILE, *(f"a further method, number {number}" for number in range(6))]
    rows = [{"curve": name, "ledger": "paper", "xi": xi, **interval([0.9, 0.5])} for name in names for xi in (0.1, 0.2)]
    with mpl.rc_context(page.STYLE):
        picture = AccuracyVsXi().draw(Numbers(rows))
    page.image(picture, "png")  # lays it out
    [place], [key] = picture.axes, picture.legends
    assert len(key.get_texts()) == 12
    extent = key.get_window_extent()
    assert picture.bbox.x0 <= extent.x0
    assert extent.x1 <= picture.bbox.x1
    assert place.get_window_extent().y1 <= extent.y0, "the legend covers the curves"
    assert place.get_position().height * picture.get_figheight() > 1.0  # inches


def test_letters_that_the_font_lacks_are_boxes_and_no_warnings() -> None:
    """Warnings are errors in these tests."""
    rows = [{"curve": name, "ledger": "paper", "xi": 0.1, **interval([0.9])} for name in ("日本語のコーデック", "🚀")]
    with mpl.rc_context(page.STYLE):
        assert page.image(AccuracyVsXi().draw(Numbers(rows)), "pdf").startswith(b"%PDF")


def test_intervals_beyond_what_an_accuracy_can_be_do_not_stretch_the_axis() -> None:
    """Two seeds 0.9 and 0.5: 0.7 +- 12.7 x 0.2, from -1.8 to 3.2."""
    rows = [{"curve": "a", "ledger": "paper", "xi": xi, **interval([0.9, 0.5])} for xi in (0.1, 0.2)]
    with mpl.rc_context(page.STYLE):
        [place] = AccuracyVsXi().draw(Numbers(rows)).axes
    assert place.get_ylim() == pytest.approx((-page.SHARE_MARGIN, 1.0 + page.SHARE_MARGIN))


def test_accuracy_over_snr_has_a_level_line_for_a_link_without_noise(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"label": "Rayleigh", "uplink.channel.snr_db": snr, "seed": 0, "accuracy": 0.5 + snr / 100, "link.snr_db_mean": 99.0}
        for snr in (20.0, 0.0, 10.0)
    ]
    ideal = {"label": "ideal", "uplink.channel.snr_db": None, "seed": 0, "accuracy": 0.9, "link.snr_db_mean": None}
    shown = drawn("accuracy_vs_snr", sweep(tmp_path / "s", [ideal, *rows]))
    assert [(row["curve"], row["snr_db"], row["mean"], row["low"]) for row in shown] == [
        ("ideal", "", "0.9", ""),  # one seed: no interval
        ("Rayleigh", "0.0", "0.5", ""),
        ("Rayleigh", "10.0", "0.6", ""),
        ("Rayleigh", "20.0", "0.7", ""),
    ]


@pytest.mark.parametrize(
    ("points", "best"),
    [
        ([(1, 5), (2, 3), (3, 3), (4, 1), (5, 2)], [True, True, False, True, False]),
        ([(1, 1), (1, 1)], [True, True]),  # equals do not beat each other
        ([(1, 2), (1, 1), (2, 1)], [False, True, False]),
    ],
)
def test_the_front_is_what_nothing_beats(points: list[tuple[float, float]], best: list[bool]) -> None:
    assert front(points) == best


def test_pareto_takes_a_mean_step(tmp_path: Path) -> None:
    rows = [
        {"label": label, "seed": seed, "steps": 10, "latency_s.step_mean": s + seed, "energy_j.total": 10 * j, "accuracy": 0.5}
        for label, s, j in (("fast", 1.0, 9.0), ("frugal", 5.0, 2.0), ("neither", 6.0, 9.5))
        for seed in (0, 2)
    ]
    shown = drawn("pareto", sweep(tmp_path / "s", rows))
    assert [(row["run"], float(row["seconds"]), float(row["joules"]), row["front"]) for row in shown] == [
        ("fast", 2.0, 9.0, "True"),
        ("frugal", 6.0, 2.0, "True"),
        ("neither", 7.0, 9.5, "False"),
    ]


def test_curves_meet_where_all_seeds_have_been() -> None:
    """Two straight lines y = x / 10 and y = x / 5: their values at any common place are known."""
    first = (np.array([0.0, 2.0, 4.0]), np.array([0.0, 0.2, 0.4]))
    second = (np.array([1.0, 2.5, 3.0, 6.0]), np.array([0.2, 0.5, 0.6, 1.2]))
    grid, values = averaged([first, second])
    assert grid.tolist() == [1.0, 2.0, 4.0]
    assert values == pytest.approx(np.array([grid / 10, grid / 5]))
    grid, values = averaged([(np.array([1.0]), np.array([0.3])), (np.array([3.0]), np.array([0.5]))])
    assert (grid.tolist(), values.tolist()) == ([2.0], [[0.3], [0.5]])


def test_learning_curves_average_the_looks_of_the_seeds(seeds: list[Path]) -> None:
    shown = drawn("accuracy_vs_budget", *seeds)
    looks = [evaluations.read(path).to_pylist() for path in seeds]
    symbols = [0, *np.cumsum(tables.read(seeds[0], "transfers")["symbols"].to_pylist()).tolist()]
    assert {row["curve"] for row in shown} == {"tiny"}
    for quantity in ("symbols", "simulated_s", "joules"):
        mine = [row for row in shown if row["quantity"] == quantity]
        assert len(mine) == len(looks[0])
        for row, one, other in zip(mine, *looks, strict=True):
            spent = symbols[2 * one["step"]] if quantity == "symbols" else one[quantity]  # two messages a step
            assert float(row["spent"]) == pytest.approx(spent, rel=1e-9)
            assert float(row["mean"]) == pytest.approx((one["accuracy"] + other["accuracy"]) / 2, abs=1e-9)


def test_the_distribution_of_latency_is_that_of_all_steps(seeds: list[Path], adc: Path) -> None:
    shown = drawn("latency_cdf", *seeds)
    assert [float(row["share"]) for row in shown] == pytest.approx([k / 8 for k in range(1, 9)])  # four steps a seed
    fading = drawn("latency_cdf", adc)
    steps = tables.read(adc, "steps")
    assert [float(row["seconds"]) for row in fading] == sorted(
        end - start for start, end in zip(steps["start_s"].to_pylist(), steps["end_s"].to_pylist(), strict=True)
    )


def test_phases_of_several_seeds_are_one_bar(seeds: list[Path], adc: Path) -> None:
    shown = drawn("phases", *seeds, adc)
    assert {(row["run"], row["n"]) for row in shown} == {("identity", "2"), ("adc", "1")}
    forward = [row for row in shown if (row["quantity"], row["phase"]) == ("seconds", "forward")]
    known = [np.mean(tables.read(path, "steps")["forward_s"].to_pylist()) for path in (seeds[0], adc)]
    assert [float(row["per_step"]) for row in forward] == pytest.approx(known)


def test_whole_nodes_that_vary_are_opened(tmp_path: Path, adc: Path) -> None:
    """A list of channels as whole nodes: the SNR inside lies along the curve, the rest tells curves apart."""
    rows = [{"seed": 0, "uplink.channel": "{kind: rayleigh, snr_db: 8, coherence_s: 0.02}", "accuracy": 0.5}]
    folder = tmp_path / "s"
    folder.mkdir()
    facts = {"status": "done", "path": "points/0", "error": None}
    index.write(
        folder, [{"point": "0", "label": None, "uplink.channel": rows[0]["uplink.channel"], "seed": 0} | facts | rows[0]]
    )
    (folder / "points").mkdir()
    (folder / "points" / "0").symlink_to(adc)
    [row] = drawn("accuracy_vs_snr", folder)
    assert (row["snr_db"], row["mean"]) == ("8.0", "0.5")


def test_a_sweep_is_drawn_into_its_folder_and_says_what_is_missing(tmp_path: Path) -> None:
    done = {"label": "a", "seed": 0, "steps": 1, "latency_s.step_mean": 1.0, "energy_j.total": 1.0}
    folder = sweep(tmp_path / "s", [done, {"label": "a", "seed": 1, "status": "failed"}])
    assert plot("pareto", [folder]) == ([folder / "figures" / f"pareto.{suffix}" for suffix in ("pdf", "png", "csv")], 1)
    with pytest.raises(UsageError, match="no finished run in"):
        plot("pareto", [sweep(tmp_path / "t", [done], status="failed")])
    with pytest.raises(UsageError, match=r"are the same scenario and seed 0: leave one of them out"):
        plot("pareto", [folder, folder], tmp_path)
    with pytest.raises(UsageError, match=r"clusters is a figure of one run; 2 were given, .*points/0 among them"):
        plot("clusters", [sweep(tmp_path / "u", [done, done | {"seed": 1}])])
