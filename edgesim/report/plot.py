"""From run folders to a figure on disk."""

from collections.abc import Sequence
from pathlib import Path

from edgesim.errors import UsageError
from edgesim.report import gallery, page
from edgesim.report.results import Results

FOLDER = "figures"  # inside a run's folder


def plot(kind: str, folders: Sequence[Path], out: Path | None = None) -> list[Path]:
    """Write `kind`.pdf, .png and .csv and give their paths.

    folders  of the runs
    out      where to; the `figures` folder of the run where left out, which is for one run only

    Raises UsageError for an unknown kind, for runs that have not what it takes, or for too many of them.
    """
    figure = gallery.load(kind)
    runs = [Results(folder) for folder in folders]
    if len(runs) > 1 and not figure.many:
        raise UsageError(f"{kind} is a figure of one run; {len(runs)} were given")
    if len(runs) > 1 and out is None:
        raise UsageError(f"{kind} of {len(runs)} runs belongs to none of them: say where it goes with --out DIR")
    numbers = figure.numbers(runs)
    import matplotlib as mpl

    with mpl.rc_context(page.STYLE):
        return page.save(figure.draw(numbers), numbers.rows, out or runs[0].path / FOLDER, kind)
