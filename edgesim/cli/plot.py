"""`edgesim plot`: a figure of one run or several."""

from pathlib import Path
from typing import Annotated

import typer

from edgesim.cli.console import out
from edgesim.cli.trace import newest

EPILOG = """
Examples:

edgesim plot results/ideal --kind learning      (the newest run there)

edgesim plot results/ideal results/base --kind phases --out figures

edgesim plot results/ideal/20260131-120000-0123abcd-s0 --kind clusters

edgesim list plots
"""


def plot(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...", help="Run folders, or scenarios' folders of runs: the newest of each.", show_default=False
        ),
    ],
    kind: Annotated[
        str, typer.Option("--kind", metavar="K", help="What to draw: see `edgesim list plots`.", show_default=False)
    ],
    folder: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Where to; the run's own folder `figures` where left out.", show_default=False
        ),
    ] = None,
) -> None:
    """Draw a figure in print quality: a PDF with type that can be edited, a PNG, and the numbers behind it as CSV."""
    from edgesim.report.plot import plot as written

    for path in written(kind, [newest(run) for run in runs], folder):
        out(str(path))
