"""Accuracy over the quality of the uplink."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from edgesim.errors import UsageError
from edgesim.report import page
from edgesim.report.estimate import estimate, interval
from edgesim.report.figures.base import Figure, Numbers
from edgesim.report.groups import numbers, series
from edgesim.report.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

KEY = "uplink.channel.snr_db"


class AccuracyVsSnr(Figure):
    """Final accuracy over the uplink's mean SNR, with 95 % intervals over seeds; a channel without noise is a level line.

    The SNR is the scenario's; where it states none, as `link_budget` does, the one that was met, averaged over time.
    """

    many: ClassVar[bool] = True
    best_of: ClassVar[Literal["one", "several", "any"]] = "several"

    def numbers(self, runs: Sequence[Results]) -> Numbers:
        rows = []
        for name, points in series(runs, ("snr_db",)).items():
            mine = [
                {"curve": name, "snr_db": _snr(group), **interval(accuracy)}
                for group in points
                if (accuracy := numbers(group, "accuracy"))
            ]
            rows += sorted(mine, key=lambda row: (row["snr_db"] is None, row["snr_db"]))
        if not rows:
            raise UsageError("no run has an accuracy: nothing was trained")
        if all(row["snr_db"] is None for row in rows):
            raise UsageError("no run's uplink has an SNR: channels without noise alone make no such figure")
        return Numbers(rows)

    def draw(self, numbers: Numbers) -> "Picture":
        from matplotlib.figure import Figure as Picture

        picture = Picture(figsize=(page.COLUMN, 2.6))
        place = picture.subplots()
        levels = [row["snr_db"] for row in numbers.rows if row["snr_db"] is not None]
        for number, name in enumerate(dict.fromkeys(row["curve"] for row in numbers.rows)):
            mine = [row for row in numbers.rows if row["curve"] == name]
            ends = [{**row, "snr_db": end} for row in mine if row["snr_db"] is None for end in (min(levels), max(levels))]
            page.curve(place, number, name, ends or mine, "snr_db", band=bool(ends))
        place.set(xlabel="uplink SNR [dB]", ylabel="accuracy")
        page.shares(place)
        page.legend(picture, place, 3)
        return picture


def _snr(group: Mapping[int, Results]) -> float | None:
    """As stated, else as met; None where nothing disturbs."""
    first = next(iter(group.values()))
    stated = (first.completed() if first.setting(KEY) is Results.ABSENT else first).setting(KEY)
    if isinstance(stated, int | float):
        return float(stated)
    met = numbers(group, "link.snr_db_mean")
    return estimate(met).mean if met else None
