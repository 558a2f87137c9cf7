"""Methods over xi: what studies share whose labels are a method and the ratio asked for, such as `adc + 4 bits 0.05`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from equal_budget import LOOKS, STYLE, Runs, curves, mean_curve, runs, table, write
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

BASE = "no compression"
ORDER = ("adc", "topk", "randtopk", "c3sl", "bottlenet", "quantise", "adc + 4 bits", "adc + 8 bits")  # as many as told apart
PANEL = ("model.name", "data.kind")  # what the paper's figures have a panel for each of
Rows = Sequence[Mapping[str, Any]]


def taken_apart(label: str) -> tuple[str, float]:
    """Method and the ratio asked for."""
    method, _, xi = label.rpartition(" ")
    return method, float(xi)


def panels(sweep: Path) -> dict[str, Runs]:
    """The runs by label, for each model and data set that the sweep has; one panel without a name if it varies neither."""
    found: dict[str, Runs] = {}
    for label, mine in runs(sweep).items():
        for run in mine:
            name = " ".join(str(run[key]) for key in PANEL if key in run)
            found.setdefault(name, {}).setdefault(label, []).append(run)
    return found


def tables(found: Mapping[str, Runs], out: Path) -> list[dict[str, Any]]:
    """Write accuracy.csv, a row a method and xi; give its rows, of each method by falling xi."""
    rows = [
        {"panel": panel, "method": method, "xi_asked": xi} | {key: value for key, value in row.items() if key != "codec"}
        for panel, mine in found.items()
        for row in table(mine)
        for method, xi in [taken_apart(str(row["codec"]))]
    ]
    place = {method: number for number, method in enumerate((BASE, *ORDER))}
    rows.sort(key=lambda row: (row["panel"], place[str(row["method"])], -float(str(row["xi_asked"]))))
    write(out / "accuracy.csv", rows)
    return rows


def looks(found: Mapping[str, Runs], out: Path) -> None:
    """Write curves.csv, a row a look at the test set."""
    write(out / "curves.csv", [{"panel": panel} | row for panel, mine in found.items() for row in curves(mine)])


def draw_over_xi(rows: Rows, out: Path) -> None:
    """accuracy.pdf and .png: a line a panel, codec off on the left and on on the right; bars reach from seed to seed."""
    plt.style.use(STYLE)
    names = list(dict.fromkeys(row["panel"] for row in rows))
    figure, lines = plt.subplots(len(names), 2, figsize=(7.1, 2.4 * len(names) + 0.5), sharey="row", squeeze=False)
    for name, line in zip(names, lines, strict=True):
        mine = [row for row in rows if row["panel"] == name]
        for place, look in zip(line, LOOKS.values(), strict=True):
            _methods(place, mine, look)
            place.set(xlabel="xi, paper's ledger", xscale="log", title=f"{name} codec {look} at evaluation".strip())
            place.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            place.xaxis.set_major_formatter("{x:g}")
            place.xaxis.set_minor_formatter("")
        line[0].set_ylabel("test accuracy at the end")
    figure.legend(*lines[0][0].get_legend_handles_labels(), loc="outside upper center", ncols=5)
    _save(figure, out, "accuracy")


def _methods(place: Axes, rows: Rows, look: str) -> None:
    for number, method in enumerate(ORDER):
        mine = [row for row in rows if row["method"] == method]
        means = [row[f"accuracy_{look}"] for row in mine]
        seeds = [[float(value) for value in row[f"seeds_{look}"].split()] for row in mine]
        bars = [
            [mean - min(each) for mean, each in zip(means, seeds, strict=True)],
            [max(each) - mean for mean, each in zip(means, seeds, strict=True)],
        ]
        place.errorbar([row["xi_paper"] for row in mine], means, yerr=bars, label=method, elinewidth=0.7, **_style(number))
    for row in rows:
        if row["method"] == BASE:
            place.axhline(row[f"accuracy_{look}"], color="0.5", linewidth=0.8, label=BASE)


def draw_curves(found: Runs, out: Path) -> None:
    """curves.pdf and .png: a panel a ratio asked of ADC, means over seeds of the look that is better at the end."""
    plt.style.use(STYLE)
    regimes = sorted({xi for method, xi in map(taken_apart, found) if method == ORDER[0]}, reverse=True)
    figure, places = plt.subplots(1, len(regimes), figsize=(7.1, 2.7), sharey=True, squeeze=False)
    for xi, place in zip(regimes, places[0], strict=True):
        for number, method in enumerate(ORDER):
            if mine := found.get(f"{method} {xi:g}"):
                place.plot(*mean_curve(mine), label=method, **_style(number))
        place.plot(*mean_curve(found[f"{BASE} 1"]), color="0.5", linewidth=0.8, label=BASE)
        place.set(title=f"xi = {xi:g}", xlabel="share of the budget spent", xlim=(0.0, 1.02))
    places[0][0].set_ylabel("test accuracy, the better look")
    drawn = [pair for place in places[0] for pair in zip(*place.get_legend_handles_labels(), strict=True)]
    named = {name: handle for handle, name in drawn}
    figure.legend(list(named.values()), list(named), loc="outside upper center", ncols=5)
    _save(figure, out, "curves")


def _style(number: int) -> dict[str, Any]:
    """The looks of the style file, and one more."""
    looks = [*map(dict, plt.rcParams["axes.prop_cycle"]), {"color": "0.45", "marker": "*", "linestyle": ":"}]
    return {**looks[number], "markersize": 3}


def _save(figure: Figure, out: Path, name: str) -> None:
    """Both formats; the PDF without its date, so that the same numbers give the same file."""
    figure.savefig(out / f"{name}.pdf", metadata={"CreationDate": None})
    figure.savefig(out / f"{name}.png")
