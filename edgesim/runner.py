"""One run, from a scenario to a results folder."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import torch

from edgesim import build
from edgesim.codecs.base import Codec
from edgesim.codecs.target import aims
from edgesim.errors import RunInterrupted
from edgesim.record import clients, evaluations, partition, tables, varied
from edgesim.record.folder import WEIGHTS, RunFolder, Status, check_writable
from edgesim.record.recorder import Recorder
from edgesim.scenario import LinkSpec, Scenario
from edgesim.session import Session
from edgesim.watch import Watch

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
    command: Sequence[str] = (),
    watch: Watch | None = None,
) -> Run:
    """Run a scenario and leave its results in a new folder under `out`.

    weights  keep those of a large model too; those of a small one are always kept

    Raises UsageError where `out` cannot be written, ScenarioError, NotFoundError (data, weights), all before anything is
    written; RunInterrupted after a signal (all finished steps are kept); RunError where the run itself fails.
    """
    check_writable(Path(out))
    with _threads(scenario, learns=not timing_only):
        session = Session(scenario, timing_only=timing_only, watch=watch)
        folder = _opened(Path(out), session)

        def seal(status: Status) -> None:
            folder.seal(
                status,
                command=list(command),
                overrides=scenario.overrides,
                config_hash=scenario.hash8,
                seed=scenario.seed,
                accelerator=scenario.host.accelerator,
                threads=torch.get_num_threads(),
                deterministic=scenario.host.deterministic,
                timing_only=timing_only,
            )

        seal("running")
        if watch is not None:
            watch.begin(_header(scenario, session, folder.path, timing_only))
        status, summary = _recorded(session, folder, seal, trace=trace, weights=weights)
    if watch is not None:
        watch.end(summary)
    if status == "interrupted":
        raise RunInterrupted(
            f"stopped after step {session.world.steps}: everything up to there is in {folder.path}. "
            "This version cannot resume a run; the same command starts a new one"
        )
    return Run(folder.path, summary, status)


def _opened(out: Path, session: Session) -> RunFolder:
    """A new folder with what is run; who holds which image, of many clients; and what each drew, where something varies."""
    scenario, task = session.scenario, session.task
    folder = RunFolder.create(out, scenario.name, scenario.hash8, scenario.seed)
    folder.write_text("scenario.yaml", scenario.source)
    folder.write_text("resolved.yaml", scenario.resolved_yaml())
    if session.cast is not None and len(session.world.clients) > 1:
        partition.write(folder.path, session.cast.rows, session.cast.labels, task.facts.classes)
    if any(group.vary for group in scenario.clients):
        varied.write(folder.path, build.drawn(scenario, task.clients))
    return folder


def _recorded(
    session: Session, folder: RunFolder, seal: Callable[[Status], None], *, trace: bool, weights: bool
) -> tuple[Status, dict[str, Any]]:
    """Run with the tables open; whatever happens they are closed and the manifest says how it ended."""
    recorder = Recorder(folder, trace=trace)
    session.attach(recorder, trace)
    status: Status = "failed"
    try:
        with _stop_on_signal(session.interrupt):
            session.run()
        status = "interrupted" if session.world.stopped_by == "interrupted" else "done"
        summary = session.summary(status)
        folder.write_json("summary.json", summary)
        if len(session.world.clients) > 1:
            clients.write(folder.path, session.clients())
        if status == "done" and (kept := session.weights(large=weights)) is not None:
            folder.write_bytes(WEIGHTS, kept)
    finally:
        try:
            recorder.close()
        finally:
            seal(status)
    return status, summary


@contextlib.contextmanager
def _threads(scenario: Scenario, *, learns: bool) -> Iterator[None]:
    """The host's thread count and determinism for the time of a run, the latter where one `learns`."""
    before, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(scenario.host.threads or len(os.sched_getaffinity(0)))
    wanted = strict or (learns and scenario.host.deterministic)
    if wanted is not strict:  # only then, because being told imports torch's compiler
        torch.use_deterministic_algorithms(wanted)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        if wanted is not strict:
            torch.use_deterministic_algorithms(strict)


@contextlib.contextmanager
def _stop_on_signal(stop: Callable[[], None]) -> Iterator[None]:
    """First SIGINT or SIGTERM: stop after the step or round under way. Second: stop at once (KeyboardInterrupt)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
