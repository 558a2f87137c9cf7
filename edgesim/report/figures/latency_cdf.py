"""How long steps take."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from edgesim.errors import UsageError
from edgesim.report import page
from edgesim.report.figures.base import Figure, Numbers
from edgesim.report.groups import series
from edgesim.report.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

MOST_POINTS = 1000  # of a curve; of more steps every so manieth is kept, the longest always


class LatencyCdf(Figure):
    """The share of steps that took no longer than so many simulated seconds, seeds together; one curve a scenario."""

    many: ClassVar[bool] = True
    best_of: ClassVar[Literal["one", "several", "any"]] = "any"

    def numbers(self, runs: Sequence[Results]) -> Numbers:
        rows = []
        for name, points in series(runs).items():
            tables = [run.table("steps") for group in points for run in group.values()]
            durations = np.sort(np.concatenate([each["end_s"].to_numpy() - each["start_s"].to_numpy() for each in tables]))
            count = len(durations)
            ranks = np.unique(np.ceil(np.linspace(1, count, min(count, MOST_POINTS))).astype(int))
            shares = zip(durations[ranks - 1].tolist(), (ranks / count).tolist(), strict=True)
            rows += [{"run": name, "steps": count, "seconds": seconds, "share": share} for seconds, share in shares]
        if not rows:
            raise UsageError("no run made a step")
        return Numbers(rows)

    def draw(self, numbers: Numbers) -> "Picture":
        from matplotlib.figure import Figure as Picture

        picture = Picture(figsize=(page.COLUMN, 2.4))
        place = picture.subplots()
        for number, name in enumerate(dict.fromkeys(row["run"] for row in numbers.rows)):
            mine = [row for row in numbers.rows if row["run"] == name]
            xs, ys = ([mine[0]["seconds"], *(row["seconds"] for row in mine)], [0.0, *(row["share"] for row in mine)])
            every = max(len(mine) // 8, 1)  # marks tell curves apart without colour; one a step would hide them
            place.plot(xs, ys, drawstyle="steps-post", label=name, markevery=every, **page.line(number))
        place.set(xlabel="time per step [s]", ylabel="share of steps", ylim=(0.0, 1.02))
        page.legend(picture, place, 3)
        return picture
