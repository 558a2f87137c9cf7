"""`edgesim sweep`: many runs that answer one question."""

import shlex
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgesim.cli import sweep_progress
from edgesim.cli.console import out, say
from edgesim.cli.options import AsJson, Changes
from edgesim.cli.render import cell, columns, table
from edgesim.cli.run import Invocation
from edgesim.errors import PointsFailed, UsageError

if TYPE_CHECKING:
    from edgesim.sweep.conduct import Plan, Sweep

EPILOG = """
Examples:

edgesim sweep experiments/xi_accounting/sweep.yaml --size smoke --dry-run

edgesim sweep experiments/xi_accounting/sweep.yaml --size smoke --jobs 2

edgesim sweep sweep.yaml --engine ray --option address=10.0.0.1:6379

edgesim sweep sweep.yaml --engine slurm --option partition=gpu --option minutes=60
"""
MOST_SHOWN = 20  # failures named at the end


class Size(StrEnum):
    """The sizes a sweep file may have."""

    smoke = "smoke"
    desk = "desk"
    paper = "paper"


SweepFile = Annotated[Path, typer.Argument(metavar="SWEEP", help="A sweep file.", show_default=False)]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", metavar="N", min=1, help="Points at the same time; default: the cores.", show_default=False),
]
Threads = Annotated[
    int | None,
    typer.Option("--threads", metavar="N", min=1, help="CPU threads of a run; else host.threads, else 1.", show_default=False),
]
Options = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="NAME=VALUE", help="A knob of the engine: `edgesim list engines`.", show_default=False),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a sweep that was begun; an error where there is none.")]


def sweep(
    context: typer.Context,
    file: SweepFile,
    engine: Annotated[str, typer.Option("--engine", metavar="NAME", help="local, ray, dask or slurm.")] = "local",
    jobs: Jobs = None,
    size: Annotated[Size | None, typer.Option("--size", help="The size of the sweep to run.", show_default=False)] = None,
    changes: Changes = None,
    folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="Results go to DIR/<sweep name>/.")] = Path("sweeps"),
    threads: Threads = None,
    options: Options = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Also run points that failed before.")] = False,
    resume: Resume = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the points and how they stand; run nothing.")] = False,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Show no header, progress or hints.")] = False,
) -> None:
    """Run all points of a sweep that are not finished yet, several at a time, and write one table of what they found.

    A point is named by the hash of its resolved scenario and its seed. Stop it at any time: the same command goes on.
    """
    from edgesim.sweep.conduct import Plan, conduct
    from edgesim.sweep.engines.base import make

    invocation = context.find_object(Invocation)
    assert invocation is not None  # main always gives one
    chosen = make(engine, _knobs(options or []) | ({"jobs": jobs} if jobs else {}))
    plan = Plan(file, None if size is None else size.value, folder, changes or [])
    if resume and not (plan.store.path / "manifest.json").is_file():
        raise UsageError(f"{plan.store.path} holds no sweep to resume; leave --resume out to begin one")
    if dry_run:
        _show(plan, as_json)
        return
    with sweep_progress.watcher(quiet=quiet) as watch:
        command = ["edgesim", *invocation.arguments]
        done = conduct(plan, chosen, threads=threads, retry_failed=retry_failed, command=command, watch=watch)
    out(_as_json(done) if as_json else "\n".join(_lines(done)))
    if done.failures:
        raise PointsFailed(_failed(done))
    if not quiet:
        say(f"next     edgesim compare {shlex.quote(str(done.path))}")


def _knobs(options: list[str]) -> dict[str, Any]:
    """`name=value` texts, the values read like YAML."""
    from edgesim.yaml_nodes import scalar

    found = {}
    for text in options:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--option {text}: expected name=value, such as --option address=10.0.0.1:6379")
        found[name.strip()] = scalar(value.strip())
    return found


def _show(plan: "Plan", as_json: bool) -> None:
    """The points without running them."""
    rows = [
        {"point": point.id, "status": plan.status(point), "label": point.label, **point.values, "seed": point.scenario.seed}
        for point in plan.points
    ]
    if as_json:
        from edgesim.record import json_text

        out(json_text.dumps(rows))
        return
    names = [name for name in rows[0] if name != "label" or any(row["label"] for row in rows)]
    out("\n".join(table(names, [[cell(row[name], None) for name in names] for row in rows])))
    counts = plan.counts()
    say(f"{len(rows)} points: {counts.done} done, {counts.failed} failed, {counts.pending} to run; in {plan.store.path}")


def _as_json(done: "Sweep") -> str:
    from edgesim.record import json_text

    return json_text.dumps(
        {"name": done.name, "path": done.path, "points": done.counts._asdict(), "failures": dict(done.failures)}
    )


def _lines(done: "Sweep") -> list[str]:
    from edgesim.record.index import FILE

    counts = done.counts
    points = f"{counts.done} done" + (f", {counts.failed} FAILED" if counts.failed else "")
    return columns([("sweep", done.name), ("points", points), ("table", str(done.path / FILE))])


def _failed(done: "Sweep") -> str:
    shown = [f"{point}: {_first_line(message)}" for point, message in [*done.failures.items()][:MOST_SHOWN]]
    more = len(done.failures) - len(shown)
    return "\n  ".join(
        [
            f"{len(done.failures)} points failed; what was said is in {done.path / 'failed'}, --retry-failed runs them again",
            *shown,
            *([f"and {more} more"] if more else []),
        ]
    )


def _first_line(text: str) -> str:
    return text.partition("\n")[0]
