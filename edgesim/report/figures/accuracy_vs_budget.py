"""Learning curves over what was spent, with intervals over seeds."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from edgesim.report import page
from edgesim.report.estimate import interval
from edgesim.report.figures.base import Figure, Numbers
from edgesim.report.groups import series
from edgesim.report.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

SPENT = {"symbols": "channel uses", "simulated_s": "simulated time [s]", "joules": "energy [J]"}
Curve = tuple[np.ndarray, np.ndarray]


class AccuracyVsBudget(Figure):
    """Accuracy over channel uses, simulated seconds and joules: means over seeds with 95 % Student-t bands.

    Between looks at the test set a seed's accuracy is a straight line; a curve goes as far as all of its seeds went.
    """

    many: ClassVar[bool] = True
    best_of: ClassVar[Literal["one", "several", "any"]] = "any"

    def numbers(self, runs: Sequence[Results]) -> Numbers:
        rows = []
        for name, points in series(runs).items():
            looks = [_looks(run) for group in points for run in group.values()]
            for quantity in SPENT:
                grid, accuracy = averaged([(each[quantity], each["accuracy"]) for each in looks])
                rows += [
                    {"curve": name, "quantity": quantity, "spent": x, **interval(values)}
                    for x, values in zip(grid.tolist(), accuracy.T.tolist(), strict=True)
                ]
        return Numbers(rows)

    def draw(self, numbers: Numbers) -> "Picture":
        from matplotlib.figure import Figure as Picture

        picture = Picture(figsize=(page.PAGE, 2.4))
        places = picture.subplots(1, len(SPENT), sharey=True)
        for place, (quantity, words) in zip(places, SPENT.items(), strict=True):
            shown = [row for row in numbers.rows if row["quantity"] == quantity]
            for number, name in enumerate(dict.fromkeys(row["curve"] for row in shown)):
                page.curve(place, number, name, [row for row in shown if row["curve"] == name], "spent", band=True)
            place.set_xlabel(words)
        places[0].set_ylabel("accuracy")
        page.shares(places[0])
        page.legend(picture, places[0], 4)
        return picture


def averaged(curves: Sequence[Curve]) -> Curve:
    """Several curves (x [points], y [points]) at common places: x [places] and the y of each, [curves, places].

    The places are those of the curve with the fewest points, within what all curves cover. Where they cover nothing together,
    it is one place between them.
    """
    low, high = max(x[0] for x, _ in curves), min(x[-1] for x, _ in curves)
    fewest = min((x for x, _ in curves), key=len)
    grid = np.unique(np.clip(fewest, low, high)) if low <= high else np.array([(low + high) / 2])
    return grid, np.array([np.interp(grid, x, y) for x, y in curves])


def _looks(run: Results) -> Mapping[str, np.ndarray]:
    """What had been spent at each look at the test set, and the accuracy, [looks]; a message counts when it has ended."""
    table = run.evaluations
    looks = {name: table[name].to_numpy() for name in ("simulated_s", "joules", "accuracy")}
    transfers = run.table("transfers")
    ends, symbols = transfers["end_s"].to_numpy(), transfers["symbols"].to_numpy()
    order = np.argsort(ends, kind="stable")
    sums = np.concatenate([[0], np.cumsum(symbols[order])])
    return {**looks, "symbols": sums[np.searchsorted(ends[order], looks["simulated_s"], side="right")].astype(float)}
