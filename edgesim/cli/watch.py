"""`edgesim watch`: how a run or a sweep stands, live."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgesim.cli.console import is_terminal, out
from edgesim.cli.folders import newest
from edgesim.cli.render import columns, quantity, table

if TYPE_CHECKING:
    from edgesim.report.standing import RunStanding, SweepStanding

EPILOG = """
Examples:

edgesim watch results/ideal      (the newest run there)

edgesim watch sweeps/many --every 10
"""
LATEST = 8  # looks at the test set that are shown
BAR = 40  # characters


def watch(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="RUN_OR_SWEEP", help="Its folder; of a scenario's folder of runs the newest.", show_default=False
        ),
    ],
    every: Annotated[float, typer.Option("--every", metavar="SECONDS", min=0.1, help="How often to look.")] = 2.0,
) -> None:
    """Show how a run or a sweep stands, on a terminal again and again until it ends; Ctrl-C ends the watching only.

    It reads what is on disk: of a run in another process or on another machine, steps are up to half a minute behind.
    """
    from edgesim.report.standing import standing

    found = newest(folder)
    if not is_terminal(sys.stdout):
        out("\n".join(lines(standing(found))))
        return
    from rich.live import Live
    from rich.text import Text

    with Live(auto_refresh=False) as live:
        try:
            while True:
                now = standing(found)
                live.update(Text("\n".join(lines(now))), refresh=True)
                if now.status != "running":
                    return
                time.sleep(every)
        except KeyboardInterrupt:
            return


def lines(now: "RunStanding | SweepStanding") -> list[str]:
    """What is shown."""
    from edgesim.report.standing import RunStanding

    return list(_run(now) if isinstance(now, RunStanding) else _sweep(now))


def _run(now: "RunStanding") -> Iterator[str]:
    from edgesim.cli.summary import lines as summary_lines

    yield f"{now.name}: {now.status}"
    if now.reason is not None:
        yield now.reason
    if now.summary is not None:
        yield from summary_lines(now.summary)
        return
    facts = [("budget", ", ".join(f"{key} {value}" for key, value in now.budget.items()))]
    if now.step is not None:
        loss = "" if now.step["loss"] != now.step["loss"] else f", loss {now.step['loss']:.3f}"
        facts.append(("step", f"{now.step['step']} (epoch {now.step['epoch']}){loss}"))
        facts.append(("simulated time", quantity(now.step["end_s"], "s")))
    yield from columns(facts)
    if now.looks:
        yield ""
        head = ["step", "simulated", "energy", "accuracy", "loss"]
        yield from table(
            head,
            [
                [
                    str(look["step"]),
                    quantity(look["simulated_s"], "s"),
                    quantity(look["joules"], "J"),
                    f"{look['accuracy']:.4f}",
                    f"{look['loss']:.4f}",
                ]
                for look in now.looks[-LATEST:]
            ],
        )


def _sweep(now: "SweepStanding") -> Iterator[str]:
    full = BAR * (now.done + len(now.failed)) // max(now.total, 1)
    yield f"{now.name}: {now.status}"
    yield f"[{'#' * full}{'.' * (BAR - full)}] {now.done} of {now.total} points done, {len(now.failed)} failed"
    for point, reason in now.failed:
        yield f"failed  {point}  {reason.partition(chr(10))[0]}"
    for run in now.working:
        step = "" if run.step is None else f", step {run.step['step']}"
        accuracy = f", accuracy {run.looks[-1]['accuracy']:.4f}" if run.looks else ""
        yield f"working on {run.name}{step}{accuracy}"
