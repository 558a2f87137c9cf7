"""The first steps of a run as a strip of time."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgesim.report import page
from edgesim.report.figures.base import Figure, Numbers
from edgesim.report.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

STEPS = 3  # that the strip shows


class Timeline(Figure):
    """What every device does over the first three steps, a strip a device; of a run made with --trace."""

    def numbers(self, runs: Sequence[Results]) -> Numbers:
        [run] = runs
        book, steps = run.table("entries"), run.table("steps")
        ends = sorted(steps["end_s"].to_pylist())
        until = ends[min(STEPS, len(ends)) - 1]
        keys = ("actor", "phase", "state", "start_s", "end_s", "watts")
        return Numbers([{key: row[key] for key in keys} for row in book.to_pylist() if row["start_s"] < until])

    def draw(self, numbers: Numbers) -> "Picture":
        from matplotlib.figure import Figure as Picture

        actors = sorted({row["actor"] for row in numbers.rows})
        phases = list(dict.fromkeys(row["phase"] for row in numbers.rows if row["phase"] != "idle"))
        picture = Picture(figsize=(page.PAGE, 0.8 + 0.35 * len(actors)))
        place = picture.subplots()
        for number, phase in enumerate(phases):
            for height, actor in enumerate(actors):
                mine = [row for row in numbers.rows if (row["actor"], row["phase"]) == (actor, phase)]
                spans = [(row["start_s"], row["end_s"] - row["start_s"]) for row in mine]
                place.broken_barh(spans, (height - 0.35, 0.7), label=phase if not height else None, **page.filling(number))
        place.set_yticks(range(len(actors)), actors)
        place.invert_yaxis()
        place.set_xlabel("simulated time [s]")
        place.grid(visible=False)
        picture.legend(loc="outside upper center", ncols=len(phases))
        return picture
