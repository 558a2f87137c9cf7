"""`edgesim trace`: the simulated timeline of a run, for a viewer."""

from pathlib import Path
from typing import Annotated

import typer

from edgesim.cli.console import out, say
from edgesim.cli.folders import newest

EPILOG = """
Examples:

edgesim run scenarios/fading.yaml --timing-only --trace

edgesim trace results/fading/20260131-120000-0123abcd-s0

edgesim trace results/fading      (the newest run there)
"""
VIEWER = "https://ui.perfetto.dev"


def trace(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="A run folder, or a scenario's folder of runs: its newest.", show_default=False),
    ],
) -> None:
    """Write a run's simulated timeline: who computed, sent, received or idled when, and what crossed which link.

    The file opens in Perfetto or chrome://tracing. The run must have been made with --trace.
    """
    from edgesim.record import timeline

    path = timeline.write(newest(run))
    out(str(path))
    say(f"open {VIEWER} and drop the file on it (it stays on this computer), or load it in chrome://tracing")
