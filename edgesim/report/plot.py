"""From folders of runs and sweeps to a figure on disk."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from edgesim.errors import UsageError
from edgesim.report import gallery, page
from edgesim.report.figures.base import Figure, Numbers
from edgesim.report.groups import gathered
from edgesim.report.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

FOLDER = "figures"  # inside a run's or a sweep's folder


class Drawn(NamedTuple):
    """A figure on disk. files: its .pdf, .png and .csv; left_out: runs and points that are not finished."""

    files: list[Path]
    left_out: int


def plot(kind: str, folders: Sequence[Path], out: Path | None = None) -> Drawn:
    """Write `kind`.pdf, .png and .csv.

    folders  of runs and sweeps
    out      where to; the folder `figures` of the run or sweep where left out, which is for one folder only

    Raises UsageError for an unknown kind, for runs that have not what it takes, or for too many of them.
    """
    figure = gallery.load(kind)
    runs, left_out = gathered(folders)
    if not runs:
        raise UsageError(f"no finished run in {', '.join(map(str, folders))}")
    if len(runs) > 1 and not figure.many:
        raise UsageError(f"{kind} is a figure of one run; {len(runs)} were given, {runs[0].path} among them")
    if len(folders) > 1 and out is None:
        raise UsageError(f"{kind} of {len(folders)} folders belongs to none of them: say where it goes with --out DIR")
    picture, numbers = drawn(figure, runs)
    return Drawn(page.save(picture, numbers.rows, out or folders[0] / FOLDER, kind), left_out)


def drawn(figure: Figure, runs: Sequence[Results]) -> "tuple[Picture, Numbers]":
    """The figure in the look of all figures, and what it shows. Raises UsageError for runs that have not what it takes."""
    numbers = figure.numbers(runs)
    import matplotlib as mpl

    with mpl.rc_context(page.STYLE):
        return figure.draw(numbers), numbers
