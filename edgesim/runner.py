"""One run, from a scenario to a results folder."""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from edgesim import resumption
from edgesim.codecs.base import Codec
from edgesim.codecs.target import aims
from edgesim.errors import RunInterrupted, UsageError
from edgesim.memory import explained_memory
from edgesim.record import evaluations, lock, tables, tensorboard
from edgesim.record.folder import RunFolder, check_writable
from edgesim.resumption import Fork, Past
from edgesim.scenario import LinkSpec, Scenario
from edgesim.session import Session
from edgesim.stopping import stopped_by_signals
from edgesim.watch import Watch
from edgesim.writing import Asked, Writing

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run: where it is, what it found, how it ended."""

    path: Path
    summary: dict[str, Any]
    status: str

    def steps(self) -> "pa.Table":
        """One row per client-step."""
        return tables.read(self.path, "steps")

    def transfers(self) -> "pa.Table":
        """One row per transfer."""
        return tables.read(self.path, "transfers")

    def evaluations(self) -> "pa.Table":
        """Every look at the test set, in order."""
        return evaluations.read(self.path)

    def entries(self) -> "pa.Table":
        """The book; only of a run with `trace`."""
        return tables.read(self.path, "entries")


def run(
    scenario: Scenario,
    *,
    out: Path = Path("results"),
    timing_only: bool = False,
    trace: bool = False,
    weights: bool = False,
    resume: bool = False,
    fork: Fork | None = None,
    command: Sequence[str] = (),
    watch: Watch | None = None,
    stopped_by: Callable[[Callable[[], None]], AbstractContextManager[None]] = stopped_by_signals,
) -> Run:
    """Run a scenario and leave its results in a new folder under `out`, or go on with a run that is unfinished.

    weights     keep those of a large model too, and its checkpoints; those of a small one are always kept
    resume      go on with the newest run of this scenario and seed from its latest checkpoint; a finished one is given as it is
    fork        begin at this moment of another run
    stopped_by  held while the run is under way, calls what it is given, from any thread, when the run is to stop

    Raises UsageError where `out` cannot be written or a run not resumed, Busy where another process writes it, ScenarioError,
    NotFoundError (data, weights), all before anything is written; RunInterrupted after a signal; RunError where the run fails.
    """
    _check_sinks(out, scenario, timing_only)
    tell: Callable[[str], None] = watch.note if watch is not None else lambda text: None
    past = resumption.find(out, scenario, timing_only=timing_only, fork=fork) if resume else None
    if resume and past is None:
        resumption.bury(out, scenario)
        tell("no run of this scenario and seed is there to be resumed: a new one begins")
    if past is not None and past.is_done:
        resumption.tidy(past)
        tell(f"{past.path} is finished: nothing is left to do")
        return Run(past.path, past.summary(), "done")
    with _threads(scenario, learns=not timing_only), explained_memory():
        session = Session(scenario, timing_only=timing_only, watch=watch)
        if past is None and fork is not None:
            resumption.restore(session, fork.start, fork.folder)
        folder = _folder(out, scenario, past)
        with lock.held(folder.path):
            writing = Writing(folder, session, Asked(timing_only, trace, weights, command), past, fork)
            if watch is not None:
                watch.begin(_header(scenario, session, folder.path, timing_only))
            for remark in writing.remarks:
                tell(remark)
            status, summary = writing.run(stopped_by)
    if watch is not None:
        watch.end(summary)
    if status == "interrupted":
        raise _interrupted(session.world.steps, writing)
    return Run(folder.path, summary, status)


def _interrupted(step: int, writing: Writing) -> RunInterrupted:
    kept = f"everything up to there is in {writing.folder.path}"
    return RunInterrupted(f"stopped after step {step}: {kept}; the same command with --resume goes on {writing.resumes_from}")


def _check_sinks(out: Path, scenario: Scenario, timing_only: bool) -> None:
    """Raises UsageError where what is to be written cannot be."""
    check_writable(out)
    if scenario.host.tensorboard:
        tensorboard.check_installed()
        if timing_only:
            raise UsageError("a timing-only run has no curves for TensorBoard: leave --tensorboard (host.tensorboard) out")


def _folder(out: Path, scenario: Scenario, past: Past | None) -> RunFolder:
    if past is not None:
        return RunFolder.reopen(past.path, past.manifest)
    return RunFolder.create(out, scenario.name, scenario.hash8, scenario.seed)


@contextlib.contextmanager
def _threads(scenario: Scenario, *, learns: bool) -> Iterator[None]:
    """The host's thread count and determinism for the time of a run, the latter where one `learns`."""
    before, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(scenario.host.threads or len(os.sched_getaffinity(0)))
    wanted = strict or (learns and scenario.host.deterministic)
    if wanted is not strict:  # only then, because being told imports torch's compiler
        torch.use_deterministic_algorithms(wanted)
    if wanted and scenario.host.accelerator == "cuda":  # without it cuBLAS promises nothing, and torch refuses
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    try:
        yield
    finally:
        torch.set_num_threads(before)
        if wanted is not strict:
            torch.use_deterministic_algorithms(strict)


def _header(scenario: Scenario, session: Session, path: Path, timing_only: bool) -> dict[str, str]:
    task = session.task
    geometry = task.geometry
    limits = ", ".join(f"{name} {limit:.6g}" for name, limit in session.world.budget.limits.items())
    return {
        "scenario": f"{scenario.name} ({scenario.hash8}), seed {scenario.seed}" + (", timing only" if timing_only else ""),
        "model": f"{scenario.model.knobs()['name']}, {geometry.tokens} tokens x {geometry.width}, cut after block "
        f"{scenario.model.knobs()['cut']} of {geometry.depth}",
        "data": f"{scenario.data.kind}, {task.facts.train} training and {task.facts.test} test images, batch {task.batch}",
        "uplink": _link_words(scenario.uplink, task.exchange.up),
        "downlink": _link_words(scenario.downlink, task.exchange.down),
        "clients": ", ".join(f"{group.count} x {group.device}" for group in scenario.clients),
        "protocol": scenario.protocol.kind,
        "server": scenario.server.device,
        "budget": f"{limits} ({session.world.budget.ledger} ledger)",
        "results": str(path),
    }


def _link_words(link: LinkSpec, codec: Codec) -> str:
    wanted = [f"xi {aim.wanted:g} asked for, {aim.realised:.4g} realised ({aim.ledger})" for aim in aims(codec).values()]
    words = [f"{link.codec.kind} codec", *wanted, f"{link.channel.kind} channel", f"{link.transport.kind} transport"]
    return ", ".join(words)
