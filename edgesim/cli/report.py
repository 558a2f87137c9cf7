"""`edgesim report`: runs and sweeps as one page."""

from pathlib import Path
from typing import Annotated

import typer

from edgesim.cli.console import out
from edgesim.cli.folders import newest
from edgesim.cli.options import RunsAndSweeps

EPILOG = """
Examples:

edgesim report results/ideal      (the newest run there)

edgesim report sweeps/many

edgesim report sweeps/many results/base --out report.html
"""


def report(
    folders: RunsAndSweeps,
    file: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE.html", help="Where to; report.html in the folder where left out.", show_default=False
        ),
    ] = None,
) -> None:
    """Write one HTML page that needs nothing else: tables, figures with their numbers, checks, what was run.

    It opens without a network, holds no script, and can be sent as it is.
    """
    from edgesim.cli.summary import pairs
    from edgesim.report.html import write

    out(str(write([newest(folder) for folder in folders], file, pairs)))
