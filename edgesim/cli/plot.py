"""`edgesim plot`: a figure of runs and sweeps."""

from pathlib import Path
from typing import Annotated

import typer

from edgesim.cli.console import out, say
from edgesim.cli.folders import newest
from edgesim.cli.options import RunsAndSweeps

EPILOG = """
Examples:

edgesim plot results/ideal --kind learning      (the newest run there)

edgesim plot results/ideal results/base --kind phases --out figures

edgesim plot sweeps/many --kind accuracy_vs_xi

edgesim plot results/ideal/20260131-120000-0123abcd-s0 --kind clusters

edgesim list plots
"""


def plot(
    runs: RunsAndSweeps,
    kind: Annotated[
        str, typer.Option("--kind", metavar="K", help="What to draw: see `edgesim list plots`.", show_default=False)
    ],
    folder: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Where to; the folder's own folder `figures` where left out.", show_default=False
        ),
    ] = None,
) -> None:
    """Draw a figure in print quality: a PDF with type that can be edited, a PNG, and the numbers behind it as CSV."""
    from edgesim.report.plot import plot as written

    files, left_out = written(kind, [newest(run) for run in runs], folder)
    for path in files:
        out(str(path))
    if left_out:
        say(f"left out, failed or not at their end: {left_out}")
