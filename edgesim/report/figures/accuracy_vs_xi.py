"""Accuracy over the compression ratio."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from edgesim.errors import UsageError
from edgesim.report import page
from edgesim.report.estimate import interval
from edgesim.report.figures.base import Figure, Numbers
from edgesim.report.groups import numbers, series
from edgesim.report.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

ALONG = ("xi", "xi_ledger")
WIDE = 20.0  # ratio of largest to smallest xi from which on the axis is logarithmic


class AccuracyVsXi(Figure):
    """Final accuracy over the compression ratio xi that came of it, in the budget's ledger, with 95 % intervals over seeds.

    Runs that differ in more than xi and seed are different curves. xi is the mean of uplink and downlink.
    """

    many: ClassVar[bool] = True
    best_of: ClassVar[Literal["one", "several", "any"]] = "several"

    def numbers(self, runs: Sequence[Results]) -> Numbers:
        rows = []
        for name, points in series(runs, ALONG).items():
            mine = []
            for group in points:
                ledger = next(iter(group.values())).figures["budget.ledger"]
                ratios, accuracy = numbers(group, f"xi.{ledger}.mean"), numbers(group, "accuracy")
                if ratios and accuracy:
                    xi = math.fsum(ratios) / len(ratios)
                    mine.append({"curve": name, "ledger": ledger, "xi": xi, **interval(accuracy)})
            rows += sorted(mine, key=lambda row: row["xi"])
        if not rows:
            raise UsageError("no run has both an accuracy and a compression ratio: nothing was trained, or nothing was cut")
        return Numbers(rows)

    def draw(self, numbers: Numbers) -> "Picture":
        from matplotlib.figure import Figure as Picture

        picture = Picture(figsize=(page.COLUMN, 2.6))
        place = picture.subplots()
        for number, name in enumerate(dict.fromkeys(row["curve"] for row in numbers.rows)):
            page.curve(place, number, name, [row for row in numbers.rows if row["curve"] == name], "xi")
        ratios = [row["xi"] for row in numbers.rows]
        if max(ratios) > WIDE * min(ratios):
            page.logarithmic(place, "x")
        ledgers = dict.fromkeys(row["ledger"] for row in numbers.rows)
        place.set(xlabel=f"xi, {' and '.join(ledgers)} ledger", ylabel="accuracy")
        page.shares(place)
        page.legend(picture, place, 3)
        return picture
