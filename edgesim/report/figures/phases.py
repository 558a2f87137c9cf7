"""Where a step's time and energy go."""

from collections.abc import Sequence
from statistics import fmean as mean
from typing import TYPE_CHECKING, ClassVar, Literal

from edgesim.report import page
from edgesim.report.figures.base import Figure, Numbers
from edgesim.report.groups import series
from edgesim.report.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

PATHS = {"seconds": "latency_s.by_phase.", "joules": "energy_j.by_phase."}  # in summary.json
PANELS = {"seconds": "time per step [s]", "joules": "energy per step [J]"}


class Phases(Figure):
    """Seconds and joules of a mean step by phase, as stacked bars side by side; one bar a scenario, means over its seeds.

    Energy is that of all devices together.
    """

    many: ClassVar[bool] = True
    best_of: ClassVar[Literal["one", "several", "any"]] = "any"

    def numbers(self, runs: Sequence[Results]) -> Numbers:
        rows = []
        for name, points in series(runs).items():
            group = [run for point in points for run in point.values()]
            for quantity, path in PATHS.items():
                phases = dict.fromkeys(key.removeprefix(path) for run in group for key in run.figures if key.startswith(path))
                for phase in phases:
                    values = [_per_step(run, quantity, phase) for run in group]
                    rows.append({"run": name, "n": len(group), "quantity": quantity, "phase": phase, "per_step": mean(values)})
        return Numbers(rows)

    def draw(self, numbers: Numbers) -> "Picture":
        from matplotlib.figure import Figure as Picture

        names = list(dict.fromkeys(row["run"] for row in numbers.rows))
        phases = list(dict.fromkeys(row["phase"] for row in numbers.rows))
        value = {(row["run"], row["quantity"], row["phase"]): row["per_step"] for row in numbers.rows}
        picture = Picture(figsize=(page.COLUMN, 1.9 + 0.5 * len(names)))
        for place, (quantity, words) in zip(picture.subplots(len(PANELS), 1), PANELS.items(), strict=True):
            reached = [0.0] * len(names)
            for number, phase in enumerate(phases):
                widths = [value.get((name, quantity, phase), 0.0) for name in names]
                place.barh(range(len(names)), widths, left=reached, label=phase, height=0.6, **page.filling(number))
                reached = [left + width for left, width in zip(reached, widths, strict=True)]
            place.set_yticks(range(len(names)), [*map(page.short, names)])
            place.set_xlabel(words)
            place.invert_yaxis()
            place.grid(visible=False, axis="y")
        picture.legend(*place.get_legend_handles_labels(), loc="outside upper center", ncols=4)
        return picture


def _per_step(run: Results, quantity: str, phase: str) -> float:
    """A phase's share of the run's mean step."""
    value = run.number(f"{PATHS[quantity]}{phase}") or 0.0
    return value / max(run.number("steps") or 0.0, 1.0) if quantity == "joules" else value
