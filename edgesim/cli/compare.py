"""`edgesim compare`: results side by side, with intervals over seeds."""

from pathlib import Path
from typing import Annotated

import typer

from edgesim.cli.console import out, say
from edgesim.cli.folders import runs_in
from edgesim.cli.render import table
from edgesim.errors import UsageError

EPILOG = """
Examples:

edgesim compare sweeps/many

edgesim compare sweeps/many --by uplink.codec.kind --by uplink.codec.xi --metric accuracy --metric energy_j.total

edgesim compare results/ideal --latex > table.tex
"""


def compare(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN_OR_SWEEP", help="Folders of runs and sweeps; of a scenario's folder all runs.", show_default=False
        ),
    ],
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            metavar="KEY",
            help="What to compare: a key of the scenario, or label. A second --by tells cases apart in which it is compared.",
            show_default=False,
        ),
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option("--metric", metavar="M", help="A figure of summary.json, e.g. energy_j.total.", show_default=False),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline", metavar="VALUE", help="What differences are taken from; else the first.", show_default=False
        ),
    ] = None,
    latex: Annotated[bool, typer.Option("--latex", help="Print a LaTeX table (booktabs).")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print every number in full as CSV.")] = False,
) -> None:
    """Compare runs and sweeps: the mean over seeds with its 95 % Student-t interval, and differences paired by common seeds.

    One seed has no interval, and none is shown.
    """
    if latex and as_csv:
        raise UsageError("--latex and --csv are two formats; choose one")
    from edgesim.report import tables
    from edgesim.report.compare import compare as compared

    found = compared([run for folder in folders for run in runs_in(folder)], by or [], metrics or [], baseline)
    if latex:
        out(tables.as_latex(found))
    elif as_csv:
        out(tables.as_csv(found))
    else:
        head, rows = tables.cells(found)
        out("\n".join(table(head, rows)))
    if found.left_out:
        say(f"left out, failed or not at their end: {found.left_out}")
