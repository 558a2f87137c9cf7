"""`edgesim run`: one run, from a scenario to a results folder."""

import shlex
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from edgesim.cli import progress, summary
from edgesim.cli.console import out, say
from edgesim.cli.crash import CrashReport
from edgesim.cli.options import AsJson, Changes, ScenarioFile, Seed

if TYPE_CHECKING:
    from edgesim.runner import Run

EPILOG = """
Examples:

edgesim run scenarios/ideal.yaml

edgesim run scenarios/ideal.yaml --set uplink.codec.xi=0.1 --seed 1

edgesim run scenarios/fading.yaml --timing-only --trace

edgesim run scenarios/ideal.yaml --json -q > summary.json
"""


class Invocation(NamedTuple):
    """What a command may know of how it was called.

    arguments  as typed, without the program's name
    crash      whom to tell where a log should go
    """

    arguments: Sequence[str]
    crash: CrashReport


class Accelerator(StrEnum):
    """Where tensors live on this machine."""

    cpu = "cpu"
    cuda = "cuda"


TimingOnly = Annotated[
    bool, typer.Option("--timing-only", help="Train nothing: bits, seconds and joules without accuracy, in a moment.")
]
Weights = Annotated[
    bool, typer.Option("--weights", help="Keep the trained weights of a large model too (those up to 16 MB are always kept).")
]


def run(
    context: typer.Context,
    scenario: ScenarioFile,
    changes: Changes = None,
    seed: Seed = None,
    folder: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Results go to DIR/<scenario>/<time>-<hash>-s<seed>/.")
    ] = Path("results"),
    timing_only: TimingOnly = False,
    accelerator: Annotated[
        Accelerator | None,
        typer.Option("--accelerator", help="Where this machine computes; changes wall time only.", show_default=False),
    ] = None,
    keep_book: Annotated[
        bool, typer.Option("--trace", help="Also keep every device's power states over time, for `edgesim trace`.")
    ] = False,
    weights: Weights = False,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Show no header, progress or hints.")] = False,
) -> None:
    """Train one scenario until its budget is spent, and leave accuracy, bits, seconds and joules in a results folder.

    Progress goes to stderr, the summary to stdout. Ctrl-C stops after the step or round under way and keeps what there is.
    """
    from edgesim.load import load

    invocation = context.find_object(Invocation)
    assert invocation is not None  # main always gives one
    wanted = [*(changes or []), *([f"host.accelerator={accelerator}"] if accelerator else [])]
    loaded = load(scenario, wanted, seed)
    from edgesim import runner  # imports torch: not before the scenario is known to be right

    with progress.watcher(quiet=quiet) as watch:
        try:
            done = runner.run(
                loaded,
                out=folder,
                timing_only=timing_only,
                trace=keep_book,
                weights=weights,
                command=["edgesim", *invocation.arguments],
                watch=watch,
            )
        except Exception:
            invocation.crash.folder = watch.folder
            raise
    out(summary.as_json(done.summary) if as_json else "\n".join(summary.lines(done.summary)))
    if not quiet:
        say(_ending(done, scenario, loaded.seed, keep_book))


def _ending(done: "Run", scenario: Path, seed: int, traced: bool) -> str:
    """Where the results are and what to type next."""
    if traced:
        following = f"edgesim trace {shlex.quote(str(done.path))}"
    else:
        following = f"edgesim run {shlex.quote(str(scenario))} --seed {seed + 1}    (one seed is no result)"
    return f"results  {done.path}\nnext     {following}"
