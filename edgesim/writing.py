"""One run on disk while it is made: its folder, its tables, its checkpoints, and how it is closed."""

import contextlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch

from edgesim import build, failure, resumption
from edgesim.errors import EdgesimError
from edgesim.keeper import Keeper
from edgesim.record import checkpoint, clients, origin, partition, recovery, varied
from edgesim.record.checkpoint import Checkpoint
from edgesim.record.folder import WEIGHTS, RunFolder, Status
from edgesim.record.recorder import Recorder
from edgesim.resumption import Fork, Past
from edgesim.session import LARGE_BYTES, Session


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted of a run.

    timing_only  nothing is trained
    trace        the book is kept
    weights      those of a large model are kept too, and its checkpoints
    command      what was typed
    """

    timing_only: bool
    trace: bool
    weights: bool
    command: Sequence[str]


class Writing:
    """A run in its folder from where it begins to its end; whoever makes one holds the folder's lock.

    session  that was built for the run
    past     the unfinished run that is gone on with
    fork     the moment of another run that this one begins from: its state is in the session already

    remarks  what is worth knowing about where it begins

    Raises UsageError where the unfinished run cannot be gone on with, RunError where a file cannot be written or read.
    """

    def __init__(self, folder: RunFolder, session: Session, asked: Asked, past: Past | None, fork: Fork | None) -> None:
        self.folder = folder
        self.remarks: list[str] = []
        self._session = session
        self._asked = asked
        self._parent = fork.parent() if fork is not None else None
        self._facts = _facts(session, asked.timing_only)
        start = self._go_on(past) if past is not None else self._branch(fork) if fork is not None else None
        self._trace = _is_traced(start, past, asked.trace)
        if asked.trace and not self._trace:
            self.remarks.append("no book is kept: the run was begun without --trace")
        self._seal("running")
        self._describe()
        rows = start.rows if start is not None else None
        self._recorder = Recorder(folder, trace=self._trace, rows=rows, board=session.scenario.host.tensorboard)
        session.attach(self._recorder, self._trace)
        host, before = session.scenario.host, start.facts if start is not None else {}
        self._keeper = Keeper(
            folder.path,
            session,
            self._recorder,
            self._facts,
            every_s=host.checkpoint_every_s,
            every_steps=host.checkpoint_every_steps,
            wall_s=before.get("wall_s", 0.0) if past is not None else 0.0,
        )

    @property
    def resumes_from(self) -> str:
        """Where the run would go on, in words."""
        newest = checkpoint.everything(self.folder.path)
        return f"from step {checkpoint.step_of(newest[0])}" if newest else "from the beginning"

    def run(self, stopped_by: Callable[[Callable[[], None]], AbstractContextManager[None]]) -> tuple[Status, dict[str, Any]]:
        """Do it and give how it ended and its summary. Whatever happens, what there is is kept and the manifest says how."""
        try:
            with stopped_by(self._session.interrupt):
                return self._run()
        except KeyboardInterrupt:  # the second one: at once. What a kill leaves can be resumed too
            raise
        except BaseException as error:
            with contextlib.suppress(EdgesimError):  # where the disk is full, the first failure is the one to hear of
                self._recorder.close()
            with contextlib.suppress(EdgesimError):
                failure.write(self.folder, error, self._session.world)
            with contextlib.suppress(EdgesimError):
                self._seal("failed")
            raise

    def _run(self) -> tuple[Status, dict[str, Any]]:
        session, folder = self._session, self.folder
        session.run()
        status: Status = "done"
        if session.world.stopped_by == "interrupted":
            status = "interrupted"
            self._keep_last()
        summary = session.summary(status)
        self._recorder.close()
        folder.write_json("summary.json", summary)
        if len(session.world.clients) > 1:
            clients.write(folder.path, session.clients())
        if status == "done" and (kept := session.weights(large=self._asked.weights)) is not None:
            folder.write_bytes(WEIGHTS, kept)
        spare = status == "done" and not self._asked.weights and checkpoint.size(folder.path) > LARGE_BYTES
        self._seal(status, without=checkpoint.FOLDER if spare else None)
        if spare:  # last: until the manifest says that the run is done, they are what it goes on from
            recovery.forget(folder.path)
        return status, summary

    def _keep_last(self) -> None:
        """A checkpoint of where the run was stopped; work that goes on from round to round is redone from an earlier one."""
        world = self._session.world
        if self._session.quiescent:
            reason, world.stopped_by = world.stopped_by, None  # a run that goes on was not stopped
            self._keeper.write()
            world.stopped_by = reason

    def _go_on(self, past: Past) -> Checkpoint | None:
        start = resumption.start_of(past, self._session.scenario)
        self.remarks += start.remarks
        kept = start.checkpoint
        if kept is not None:
            resumption.restore(self._session, kept, past.path)  # before anything is removed: it may not fit
        resumption.rewind(past.path, kept)
        failure.forget(self.folder)
        if kept is None:
            self.remarks.append("no checkpoint: the run begins anew in its folder")
            return None
        changed = resumption.differences(kept.facts, self._facts)
        self.remarks += [f"resumed from step {kept.step}", *([changed] if changed else [])]
        self.folder.resume(kept.step, kept.facts["wall_s"])
        return kept

    def _branch(self, fork: Fork) -> Checkpoint:
        """The new run has the first rows of the other's tables, and a checkpoint to be resumed from."""
        recovery.branch(fork.folder, self.folder.path, fork.start.rows)
        own = fork.start._replace(facts={**self._facts, "wall_s": 0.0})
        checkpoint.write(self.folder.path, own)
        self.remarks.append(f"forked from {fork.folder} at step {own.step}")
        return own

    def _seal(self, status: Status, without: str | None = None) -> None:
        scenario = self._session.scenario
        self.folder.seal(
            status,
            command=list(self._asked.command),
            overrides=scenario.overrides,
            config_hash=scenario.hash8,
            seed=scenario.seed,
            accelerator=scenario.host.accelerator,
            threads=torch.get_num_threads(),
            deterministic=scenario.host.deterministic,
            timing_only=self._asked.timing_only,
            trace=self._trace,
            parent=self._parent,
            without=without,
        )

    def _describe(self) -> None:
        """What is run; who holds which image, of many clients; and what each drew, where something varies."""
        session, folder = self._session, self.folder
        scenario, task = session.scenario, session.task
        texts = {"scenario.yaml": scenario.source, "resolved.yaml": scenario.resolved_yaml()}
        for name, text in texts.items():
            if not (folder.path / name).is_file():  # a run that goes on keeps its own
                folder.write_text(name, text)
        if session.cast is not None and len(session.world.clients) > 1 and not (folder.path / partition.FILE).is_file():
            partition.write(folder.path, session.cast.rows, session.cast.labels, task.facts.classes)
        if any(group.vary for group in scenario.clients) and not (folder.path / varied.FILE).is_file():
            varied.write(folder.path, build.drawn(scenario, task.clients))


def _facts(session: Session, timing_only: bool) -> dict[str, Any]:
    """What a checkpoint says of its run."""
    scenario = session.scenario
    return {
        "digest": scenario.digest,
        "seed": scenario.seed,
        "timing_only": timing_only,
        "versions": origin.versions(),
        "accelerator": scenario.host.accelerator,
        "threads": torch.get_num_threads(),
        "deterministic": scenario.host.deterministic,
    }


def _is_traced(start: Checkpoint | None, past: Past | None, asked: bool) -> bool:
    """A run that goes on keeps the book if and only if it did before."""
    if start is not None:
        return "entries" in start.rows
    return asked if past is None else bool(past.manifest.get("trace"))
