"""`edgesim trace`: the simulated timeline of a run, for a viewer."""

from pathlib import Path
from typing import Annotated

import typer

from edgesim.cli.console import out, say
from edgesim.errors import UsageError

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


def newest(folder: Path) -> Path:
    """The run folder meant: the folder itself, or the newest run in it. Raises UsageError where there is none."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder; name a run folder, such as results/ideal/20260131-120000-0123abcd-s0")
    if (folder / "manifest.json").is_file():
        return folder
    runs = sorted(path.parent for path in folder.glob("*/manifest.json"))
    if not runs:
        raise UsageError(f"{folder} holds no run (no manifest.json in it or one level below)")
    return max(runs, key=lambda path: (path / "manifest.json").stat().st_mtime_ns)
