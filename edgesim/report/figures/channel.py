"""A run's channel beside its theory."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgesim.errors import UsageError
from edgesim.report import page
from edgesim.report.figures.base import Figure, Numbers
from edgesim.report.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture


class Channel(Figure):
    """What the uplink channel does, measured on its own draws, beside closed forms: error rates, capacity, outage, memory."""

    def numbers(self, runs: Sequence[Results]) -> Numbers:
        from channels.curves import figures
        from edgesim.build.makers import make_channel, make_radio

        [run] = runs
        link = run.scenario.uplink
        path = ("uplink", "channel")
        channel = make_channel(run.scenario, link.channel, make_radio(link.radio).bandwidth_hz, path)
        rows = []
        for figure in figures(channel, run.scenario.seed):
            told = {"figure": figure.name, "title": figure.title, "x_label": figure.x_label, "y_label": figure.y_label}
            for curve in figure.curves:
                for place, x in enumerate(curve.x.tolist()):
                    points = [float(values[place]) if len(values) else None for values in (curve.theory, curve.measured)]
                    pair = dict(zip(("theory", "measured"), points, strict=True))
                    rows.append({**told, "log": figure.log, "curve": curve.label, "x": x, **pair})
        if not rows:
            raise UsageError(f"{run.path}: the uplink channel {link.channel.kind} has no fading and no bursts to draw")
        return Numbers(rows)

    def draw(self, numbers: Numbers) -> "Picture":
        from matplotlib.figure import Figure as Picture

        names = list(dict.fromkeys(row["figure"] for row in numbers.rows))
        picture = Picture(figsize=(page.COLUMN, 2.3 * len(names)))
        for place, name in zip(picture.subplots(len(names), 1, squeeze=False)[:, 0], names, strict=True):
            mine = [row for row in numbers.rows if row["figure"] == name]
            for number, label in enumerate(dict.fromkeys(row["curve"] for row in mine)):
                style = page.line(number)
                for sort, shown in (("theory", {"linestyle": style["linestyle"]}), ("measured", {"marker": style["marker"]})):
                    points = [(row["x"], row[sort]) for row in mine if row["curve"] == label and row[sort] is not None]
                    points = [point for point in points if point[1] > 0.0 or not mine[0]["log"]]
                    if points:
                        shape = {"linestyle": "none", "color": style["color"]} | shown
                        place.plot(*zip(*points, strict=True), label=label if sort == "theory" else None, **shape)
            place.set(title=mine[0]["title"], xlabel=mine[0]["x_label"], ylabel=mine[0]["y_label"])
            if mine[0]["log"]:
                page.logarithmic(place, "y")
                place.set_ylim(1e-5, 1.0)
            if place.get_legend_handles_labels()[1]:
                place.legend(title="line: theory, marks: measured", title_fontsize=6)
        return picture
