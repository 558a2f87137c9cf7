"""Every kind of figure from real tiny runs: the files are there, and the numbers in the CSV are those of the tables."""

import csv
from pathlib import Path

import numpy as np
import pytest

from channels import curves
from edgesim.errors import UsageError
from edgesim.learn.data.digits import Digits
from edgesim.record import evaluations, tables
from edgesim.report import gallery, page
from edgesim.report.plot import plot as drawn
from edgesim.report.results import Results, labels


def plot(kind: str, folders: list[Path], out: Path | None = None) -> list[Path]:
    return drawn(kind, folders, out).files


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Coarse channel curves: here only their way onto the page is tested."""
    for name, value in {"SYMBOLS": 1 << 10, "BLOCKS": 500, "LINKS": 20, "LEVELS_DB": np.array([0.0, 10.0])}.items():
        monkeypatch.setattr(curves, name, value)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("kind", gallery.names())
def test_a_figure_is_a_pdf_a_png_and_its_numbers(kind: str, adc: Path, tmp_path: Path) -> None:
    pdf, png, table = plot(kind, [adc], tmp_path)
    assert [path.name for path in (pdf, png, table)] == [f"{kind}.pdf", f"{kind}.png", f"{kind}.csv"]
    assert pdf.read_bytes().startswith(b"%PDF")
    assert b"/Type3" not in pdf.read_bytes()  # type 42 is TrueType: fonts can be embedded and text edited
    assert png.read_bytes().startswith(b"\x89PNG")
    width = int.from_bytes(png.read_bytes()[16:20], "big")
    assert width <= page.PAGE * page.RESOLUTION + 1
    rows = rows_of(table)
    assert rows
    assert all(None not in row.values() for row in rows)


def test_the_same_run_gives_the_same_bytes(adc: Path, tmp_path: Path) -> None:
    """Nothing in a figure depends on when it was drawn, so that it can be kept under version control."""
    first, again = (plot("clusters", [adc], tmp_path / name) for name in ("first", "again"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]


def test_learning_curves_are_the_evaluations(adc: Path, base: Path, tmp_path: Path) -> None:
    rows = rows_of(plot("learning", [adc, base], tmp_path)[2])
    kept = [*evaluations.read(adc).to_pylist(), *evaluations.read(base).to_pylist()]
    assert len(rows) == len(kept) == 4
    for row, expected in zip(rows, kept, strict=True):
        assert {key: float(row[key]) for key in expected} == pytest.approx(expected, rel=0.0, abs=0.0, nan_ok=True)
    assert len({row["run"] for row in rows}) == 2


def test_phases_are_the_tables_per_step(adc: Path, tmp_path: Path) -> None:
    rows = rows_of(plot("phases", [adc], tmp_path)[2])
    steps, book = tables.read(adc, "steps"), tables.read(adc, "entries").to_pylist()
    seconds = {row["phase"]: float(row["per_step"]) for row in rows if row["quantity"] == "seconds"}
    for phase, value in seconds.items():
        assert value == pytest.approx(np.mean(steps[f"{phase}_s"].to_pylist()), rel=1e-12)
    assert sum(seconds.values()) == pytest.approx(steps["end_s"][-1].as_py() / len(steps), rel=1e-9)
    joules = sum(float(row["per_step"]) for row in rows if row["quantity"] == "joules")
    assert joules == pytest.approx(sum(row["joules"] for row in book) / len(steps), rel=1e-9)


def test_the_timeline_is_the_book_of_the_first_steps(adc: Path, tmp_path: Path) -> None:
    rows = rows_of(plot("timeline", [adc], tmp_path)[2])
    until = tables.read(adc, "steps")["end_s"][2].as_py()
    book = [row for row in tables.read(adc, "entries").to_pylist() if row["start_s"] < until]
    assert [(row["actor"], float(row["start_s"]), float(row["end_s"])) for row in rows] == [
        (row["actor"], row["start_s"], row["end_s"]) for row in book
    ]


def test_clusters_show_what_the_codec_did(adc: Path, tmp_path: Path) -> None:
    """A batch in T clusters of k tokens each, as xi = 0.3 of 32 x 17 says; rollout is a distribution over the tokens kept."""
    rows = rows_of(plot("clusters", [adc], tmp_path)[2])
    members: dict[str, set[str]] = {}
    for row in rows:
        members.setdefault(row["cluster"], set()).add(row["sample"])
    assert len(members) == 17  # floor(sqrt(0.3) 32)
    assert sum(len(one) for one in members.values()) == 32
    truth = Digits().test().labels
    for cluster, of_it in members.items():
        for sample in of_it:
            mine = [row for row in rows if row["sample"] == sample]
            assert {(row["size"], row["class"]) for row in mine} == {(str(len(of_it)), str(truth[int(sample)]))}
            assert sum(int(row["kept"]) for row in mine) == 9  # floor(sqrt(0.3) 17)
            assert mine[0]["kept"] == "1"
            assert sum(float(row["rollout"]) for row in mine) == pytest.approx(1.0, abs=1e-5)
            assert all(float(row["rollout"]) == 0.0 for row in mine if row["kept"] == "0"), cluster


def test_attention_is_a_distribution_in_every_layer(adc: Path, tmp_path: Path) -> None:
    rows = rows_of(plot("attention", [adc], tmp_path)[2])
    layers = {(row["layer"], row["side"]) for row in rows}
    assert layers == {("1", "client"), ("2", "client"), ("3", "server"), ("4", "server")}
    for sample in {row["sample"] for row in rows}:
        for layer, _side in layers:
            mine = [float(row["attention"]) for row in rows if (row["sample"], row["layer"]) == (sample, layer)]
            assert len(mine) == 17
            assert sum(mine) == pytest.approx(1.0, abs=1e-5)


def test_the_diagonal_of_the_confusion_matrix_is_the_accuracy(adc: Path, tmp_path: Path) -> None:
    rows = rows_of(plot("confusion", [adc], tmp_path)[2])
    truth = Digits().test().labels
    for digit in range(10):
        assert sum(int(row["images"]) for row in rows if row["true"] == str(digit)) == int((truth == digit).sum())
    right = sum(int(row["images"]) for row in rows if row["true"] == row["predicted"])
    last = evaluations.read(adc).to_pylist()[-1]
    assert last["step"] == 4  # the weights kept are those that were looked at
    assert right / len(truth) == last["accuracy"]


def test_without_a_folder_figures_go_into_the_run(adc: Path) -> None:
    assert [path.parent for path in plot("phases", [adc])] == [adc / "figures"] * 3


def test_runs_are_named_by_what_differs(adc: Path, base: Path, tmp_path: Path) -> None:
    assert labels([Results(adc)]) == ["tiny, seed 0"]
    assert labels([Results(adc), Results(base)]) == ["tiny, seed 0", "tiny, seed 1"]  # too much differs to be said


def test_what_cannot_be_drawn_is_said(adc: Path, base: Path, untrained: Path, tmp_path: Path) -> None:
    for kind, runs, message in [
        ("clutsers", [adc], r"unknown plot 'clutsers', did you mean 'clusters'\? \(plots: accuracy_vs_budget, "),
        ("clusters", [adc, base], "figure of one run; 2 were given"),
        ("clusters", [base], "the uplink codec identity merges no samples; adc does"),
        ("clusters", [untrained], r"no weights\.safetensors: nothing was trained"),
        ("attention", [untrained], r"no weights\.safetensors"),
        ("learning", [untrained], "holds no accuracy: nothing was trained"),
        ("accuracy_vs_snr", [base], "no run's uplink has an SNR"),
        ("accuracy_vs_xi", [untrained], "no run has both an accuracy and a compression ratio"),
        ("confusion", [untrained], r"no weights\.safetensors"),
        ("timeline", [base], "run it again with --trace"),
        ("channel", [base], "channel ideal has no fading and no bursts"),
        ("phases", [tmp_path], "it is no sweep and no run"),
    ]:
        with pytest.raises(UsageError, match=message):
            plot(kind, runs, tmp_path / "nothing")
    with pytest.raises(UsageError, match="say where it goes with --out"):
        plot("phases", [adc, base])
    assert not (tmp_path / "nothing").exists()


def test_every_kind_says_in_a_line_what_it_shows() -> None:
    for kind in gallery.names():
        first, _, _ = gallery.doc(kind).partition("\n")
        assert first.endswith("."), kind
        assert type(gallery.load(kind)).__subclasses__() == []
