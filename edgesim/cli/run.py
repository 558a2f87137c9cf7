"""`edgesim run`: one run, from a scenario to a results folder."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from edgesim.cli import progress, summary
from edgesim.cli.console import out, say
from edgesim.cli.crash import CrashReport
from edgesim.cli.options import AsJson, Changes, Seed, to_run
from edgesim.errors import UsageError

if TYPE_CHECKING:
    from edgesim.runner import Run

EPILOG = """
Examples:

edgesim run scenarios/ideal.yaml

edgesim run scenarios/ideal.yaml --set uplink.codec.xi=0.1 --seed 1

edgesim run scenarios/fading.yaml --timing-only --trace

edgesim run scenarios/ideal.yaml --json -q > summary.json

edgesim run scenarios/ideal.yaml --resume      (after Ctrl-C, a crash or a power cut)

edgesim run --fork-from results/ideal/RUN@120 --set optimiser.lr=1e-4
"""
RESULTS = Path("results")


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
OneScenario = Annotated[
    Path | None,
    typer.Argument(metavar="SCENARIO", help="A scenario file, such as scenarios/ideal.yaml.", show_default=False),
]
TensorBoard = Annotated[
    bool, typer.Option("--tensorboard", help="Also write curves for `tensorboard --logdir DIR` (pip install tensorboard).")
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with the newest run of this scenario and seed, if it is unfinished.")
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Begin a new run without a word about one that is unfinished.")]
ForkFrom = Annotated[
    str | None,
    typer.Option("--fork-from", metavar="RUN@STEP", help="Begin at a checkpoint of another run.", show_default=False),
]
Folder = Annotated[Path, typer.Option("--out", metavar="DIR", help="Results go to DIR, in a folder of the scenario's name.")]
OnAccelerator = Annotated[
    Accelerator | None,
    typer.Option(
        "--accelerator", help="Where this machine computes: nothing that is simulated depends on it.", show_default=False
    ),
]
Deterministic = Annotated[
    bool | None,
    typer.Option(
        "--deterministic/--no-deterministic",
        help="Only algorithms that give the same bits every time (host.deterministic, on by default).",
        show_default=False,
    ),
]
KeepBook = Annotated[
    bool, typer.Option("--trace", help="Also keep every device's power states over time, for `edgesim trace`.")
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Show no header, progress or hints.")]


def run(
    context: typer.Context,
    scenario: OneScenario = None,
    changes: Changes = None,
    seed: Seed = None,
    folder: Folder = RESULTS,
    timing_only: TimingOnly = False,
    accelerator: OnAccelerator = None,
    deterministic: Deterministic = None,
    keep_book: KeepBook = False,
    weights: Weights = False,
    tensorboard: TensorBoard = False,
    resume: Resume = False,
    fresh: Fresh = False,
    fork_from: ForkFrom = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Train one scenario until its budget is spent, and leave accuracy, bits, seconds and joules in a results folder.

    Progress goes to stderr, the summary to stdout. Ctrl-C stops after the step or round under way, and --resume goes on.
    """
    from edgesim.load import load

    if resume and fresh:
        raise UsageError("--resume goes on with a run, --fresh begins a new one: leave one of them out")
    file, invocation = _file(scenario, fork_from), _invocation(context)
    loaded = load(file, [*(changes or []), *_of_host(accelerator, deterministic, tensorboard)], seed)
    from edgesim import resumption, runner  # imports torch: not before the scenario is known to be right

    fork = resumption.read_fork(fork_from) if fork_from is not None else None
    left = None if resume or fresh or fork else resumption.unfinished(folder, loaded, timing_only=timing_only)
    with _watched(invocation, quiet) as watch:
        if left is not None:  # a rerun resumes, or says why not
            watch.note(f"{left} is unfinished and stays as it is: a new run begins; --resume would go on with it")
        done = runner.run(
            loaded,
            out=folder,
            timing_only=timing_only,
            trace=keep_book,
            weights=weights,
            resume=resume,
            fork=fork,
            command=["edgesim", *invocation.arguments],
            watch=watch,
        )
    out(summary.as_json(done.summary) if as_json else "\n".join(summary.lines(done.summary)))
    if not quiet:
        more = [*([] if folder == RESULTS else ["--out", str(folder)]), *["--timing-only"] * timing_only]
        say(_ending(done, to_run(file, changes, *more, "--seed", str(loaded.seed + 1)), keep_book))


def _invocation(context: typer.Context) -> Invocation:
    found = context.find_object(Invocation)
    assert found is not None  # main always gives one
    return found


@contextmanager
def _watched(invocation: Invocation, quiet: bool) -> Iterator[progress.Watcher]:
    """A watcher; a crash while it watches is told where the run is."""
    with progress.watcher(quiet=quiet) as watch:
        try:
            yield watch
        except Exception:
            invocation.crash.folder = watch.folder
            raise


def _of_host(accelerator: Accelerator | None, deterministic: bool | None, tensorboard: bool) -> list[str]:
    """What the options say of the host, as changes to the scenario."""
    computes = [] if accelerator is None else [f"host.accelerator={accelerator}"]
    repeats = [] if deterministic is None else [f"host.deterministic={str(deterministic).lower()}"]
    return computes + repeats + ["host.tensorboard=true"] * tensorboard


def _file(scenario: Path | None, fork_from: str | None) -> Path:
    """The scenario to be run: of a fork, what its parent ran."""
    if fork_from is None and scenario is None:
        raise UsageError("say which scenario to run: edgesim run SCENARIO (`edgesim init first.yaml` writes one to start from)")
    if fork_from is not None and scenario is not None:
        raise UsageError(f"--fork-from takes the scenario from the run; leave {scenario} out and say what differs by --set")
    if scenario is not None:
        return scenario
    from edgesim.record.checkpoint import moment

    assert fork_from is not None
    folder = moment(fork_from)[0]
    if not (folder / "resolved.yaml").is_file():
        raise UsageError(f"--fork-from {fork_from}: {folder} is no run folder; name one, such as results/ideal/RUN@120")
    return folder / "resolved.yaml"


def _ending(done: "Run", other_seed: str, traced: bool) -> str:
    """Where the results are and what to type next."""
    following = f"edgesim trace {shlex.quote(str(done.path))}" if traced else f"{other_seed}    (one seed is no result)"
    return f"results  {done.path}\nnext     {following}"
