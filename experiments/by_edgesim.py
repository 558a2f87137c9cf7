"""Studies for which a figure and a table of edgesim's own are enough: what their `plot.py` share."""

import contextlib
import io
import sys
from pathlib import Path

from equal_budget import arguments

from edgesim.cli.app import main

METRICS = ("accuracy", "steps", "xi.paper.mean")


def edgesim(*words: str) -> str:
    """What the command prints. Ends the program where it fails; the command has said why."""
    with contextlib.redirect_stdout(io.StringIO()) as said:
        code = main(words)
    if code:
        sys.exit(code)
    return said.getvalue()


def compare(sweep: Path, out: Path) -> None:
    """Write comparison.csv: means over seeds with 95 % intervals, and differences from the first value, paired by seed."""
    metrics = [word for metric in METRICS for word in ("--metric", metric)]
    (out / "comparison.csv").write_text(edgesim("compare", str(sweep), *metrics, "--csv"))


def report(about: str | None, study: Path) -> None:
    """What `plot.py` does: comparison.csv and the figure accuracy_vs_xi."""
    sweep, out = arguments(about, study)
    compare(sweep, out)
    edgesim("plot", str(sweep), "--kind", "accuracy_vs_xi", "--out", str(out))
