"""Where a step's time and energy go."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from edgesim.report import page
from edgesim.report.figures.base import Figure, Numbers
from edgesim.report.results import Results, labels

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

PANELS = {"seconds": "time per step [s]", "joules": "energy per step [J]"}


class Phases(Figure):
    """Seconds and joules of a mean step by phase, as stacked bars; one bar a run. Energy is that of all devices together."""

    many: ClassVar[bool] = True

    def numbers(self, runs: Sequence[Results]) -> Numbers:
        rows = []
        for label, run in zip(labels(runs), runs, strict=True):
            steps = max(run.summary["steps"], 1)
            parts = {
                "seconds": run.summary["latency_s"]["by_phase"],
                "joules": {phase: joules / steps for phase, joules in run.summary["energy_j"]["by_phase"].items()},
            }
            for quantity, by_phase in parts.items():
                for phase, value in by_phase.items():
                    rows.append({"run": label, "quantity": quantity, "phase": phase, "per_step": value})
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
                place.barh(names, widths, left=reached, label=phase, height=0.6, **page.filling(number))
                reached = [left + width for left, width in zip(reached, widths, strict=True)]
            place.set_xlabel(words)
            place.invert_yaxis()
            place.grid(visible=False, axis="y")
        picture.legend(*place.get_legend_handles_labels(), loc="outside upper center", ncols=4)
        return picture
