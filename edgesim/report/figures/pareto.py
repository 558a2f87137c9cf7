"""The trade between energy and latency."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from edgesim.errors import UsageError
from edgesim.report import page
from edgesim.report.estimate import estimate
from edgesim.report.figures.base import Figure, Numbers
from edgesim.report.groups import numbers, series, varying, words
from edgesim.report.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

AXES = {"seconds": "time per step [s]", "joules": "energy per step [J]"}


class Pareto(Figure):
    """Energy over time of a mean step, a mark a scenario, means over seeds; filled and joined: the front, which nothing beats.

    Marks tell the first key that varies apart, words on the front the others. A scenario is beaten by one that takes no more of
    either and less of one. The CSV has intervals, and accuracy beside.
    """

    many: ClassVar[bool] = True
    best_of: ClassVar[Literal["one", "several", "any"]] = "several"

    def numbers(self, runs: Sequence[Results]) -> Numbers:
        rows: list[dict[str, Any]] = []
        first = varying(runs)[:1]
        for name, points in series(runs).items():
            group = {seed: run for point in points for seed, run in point.items()}
            steps, total = numbers(group, "steps"), numbers(group, "energy_j.total")
            if not all(steps):
                continue
            joules = estimate([energy / count for energy, count in zip(total, steps, strict=True)])
            seconds, accuracy = estimate(numbers(group, "latency_s.step_mean")), numbers(group, "accuracy")
            found = {"seconds": seconds.mean, "seconds_half": seconds.half, "joules": joules.mean, "joules_half": joules.half}
            method = ", ".join(words(next(iter(group.values())).setting(key)) for key in first)
            rows.append(
                {
                    "method": method,
                    "run": name,
                    "n": len(group),
                    **found,
                    "accuracy": estimate(accuracy).mean if accuracy else None,
                }
            )
        if not rows:
            raise UsageError("no run made a step: there is neither time nor energy to compare")
        best = front([(row["seconds"], row["joules"]) for row in rows])
        return Numbers([{**row, "front": on_it} for row, on_it in zip(rows, best, strict=True)])

    def draw(self, numbers: Numbers) -> "Picture":
        from matplotlib.figure import Figure as Picture

        picture = Picture(figsize=(page.COLUMN, 2.8))
        place = picture.subplots()
        best = sorted((row["seconds"], row["joules"]) for row in numbers.rows if row["front"])
        place.plot(*zip(*best, strict=True), color="black", linewidth=0.6, zorder=1)
        for number, method in enumerate(dict.fromkeys(row["method"] for row in numbers.rows)):
            for row in (row for row in numbers.rows if row["method"] == method):
                style = page.line(number) | {"linestyle": "none", "elinewidth": 0.6, "label": method}
                style |= {} if row["front"] else {"markerfacecolor": "white"}
                place.errorbar(row["seconds"], row["joules"], xerr=row["seconds_half"], yerr=row["joules_half"], **style)
                if row["front"]:
                    rest = row["run"].removeprefix(method).removeprefix(", ")
                    place.annotate(rest, (row["seconds"], row["joules"]), (3, 3), textcoords="offset points", fontsize=5)
        place.set(xlabel=AXES["seconds"], ylabel=AXES["joules"])
        page.legend(picture, place, 3)
        return picture


def front(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Which points no other point beats, both coordinates being costs."""
    return [not any(x <= a and y <= b and (x, y) != (a, b) for x, y in points) for a, b in points]
