"""Cases of a study, each the mean over its seeds: what `plot.py` of several studies share."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from equal_budget import STYLE, half
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Row = dict[str, Any]


def means(runs: Iterable[Mapping[str, Any]], keys: Mapping[str, str], metrics: Mapping[str, str], first: str) -> list[Row]:
    """One row a case, in the order of their first runs: its keys, the seeds, means of the metrics, and of `first` every seed.

    keys     column of the sweep's table -> name; what tells cases apart
    metrics  column -> name, numbers
    first    name of the metric that gets the half of its mean's 95 % interval too
    """
    cases: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for run in runs:
        cases.setdefault(tuple(run[column] for column in keys), []).append(run)
    rows = []
    for case, mine in cases.items():
        row: Row = dict(zip(keys.values(), case, strict=True)) | {"seeds": len(mine)}
        for column, name in metrics.items():
            values = [run[column] for run in mine]
            row[name] = float(f"{statistics.fmean(values):.5g}")
            if name == first:
                row |= {f"{name}_half": round(half(values), 4), f"{name}_seeds": " ".join(f"{value:.4f}" for value in values)}
        rows.append(row)
    return rows


def panels(count: int, **kind: Any) -> tuple[Figure, list[Axes]]:
    """A figure of both columns' width with that many panels side by side."""
    plt.style.use(STYLE)
    figure, places = plt.subplots(1, count, figsize=(7.1, 2.6), squeeze=False, **kind)
    return figure, list(places[0])


def lines(place: Axes, rows: Sequence[Row], x: str, y: str, by: str) -> None:
    """A line for each value of `by`; bars reach from seed to seed where every seed is known."""
    for name in dict.fromkeys(row[by] for row in rows):
        mine = [row for row in rows if row[by] == name]
        heights = [row[y] for row in mine]
        bars = None
        if f"{y}_seeds" in mine[0]:
            seeds = [[float(value) for value in row[f"{y}_seeds"].split()] for row in mine]
            bars = [
                [max(0.0, height - min(each)) for height, each in zip(heights, seeds, strict=True)],
                [max(0.0, max(each) - height) for height, each in zip(heights, seeds, strict=True)],
            ]
        place.errorbar([row[x] for row in mine], heights, yerr=bars, label=str(name), elinewidth=0.7, markersize=3)


def save(figure: Figure, places: Sequence[Axes], out: Path, name: str, columns: int) -> None:
    """The figure with one legend above, as PDF (without its date, so that the same numbers give the same file) and PNG."""
    known = {label: handle for place in places for handle, label in zip(*place.get_legend_handles_labels(), strict=True)}
    figure.legend(known.values(), known.keys(), loc="outside upper center", ncols=columns)
    figure.savefig(out / f"{name}.pdf", metadata={"CreationDate": None})
    figure.savefig(out / f"{name}.png")
