"""A whole sweep: which points are left to do, who does them, and the table of what they found."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from edgesim.errors import SweepInterrupted
from edgesim.record import atomic, index, json_text, origin
from edgesim.record.folder import digest_of, folder_name
from edgesim.stopping import stopped_by_signals
from edgesim.sweep.document import Document, Size, read_document
from edgesim.sweep.engines.base import Engine, Need
from edgesim.sweep.job import Job, Outcome
from edgesim.sweep.points import Point, expand
from edgesim.sweep.store import Store

if TYPE_CHECKING:
    import pyarrow as pa


class Watch(Protocol):
    """Someone who looks at a sweep."""

    def begin(self, header: Mapping[str, str], total: int) -> None:
        """The sweep begins; `total` points are to be computed now."""

    def outcome(self, point: Point, outcome: Outcome) -> None:
        """A point has ended."""

    def note(self, text: str) -> None:
        """Something worth knowing at once, such as that the sweep is stopping."""

    def close(self) -> None:
        """There is nothing more to see."""


class Counts(NamedTuple):
    """Points of a sweep: finished, failed, and not yet computed."""

    done: int
    failed: int
    pending: int


@dataclass(frozen=True)
class Sweep:
    """A sweep that was run.

    path      its folder
    name      of the sweep, its size included
    failures  message of every failed point, by its id
    """

    path: Path
    name: str
    counts: Counts
    failures: Mapping[str, str] = field(default_factory=dict)

    def index(self) -> "pa.Table":
        """One row a point: axes, seed, status, path of the run, and the figures of its summary."""
        return index.read(self.path)


class Plan:
    """A sweep before it is run: its points, and how they stand on disk.

    path         the sweep file
    size         smoke, desk or paper; None: the file without its sizes
    out          the sweep's folder is <out>/<name>/
    overrides    changes to all points

    Raises ScenarioError with everything that is wrong with the file or a point, UsageError.
    """

    def __init__(
        self,
        path: Path,
        size: Size | None = None,
        out: Path = Path("sweeps"),
        overrides: Sequence[str] | Mapping[str, Any] = (),
    ) -> None:
        self.document: Document = read_document(path, size)
        self.points = expand(self.document, overrides)
        self.store = Store(out.resolve() / folder_name(self.document.name))

    def status(self, point: Point) -> str:
        """done, failed or pending."""
        if self.store.is_done(point.id):
            return "done"
        return "failed" if self.store.failure(point.id) else "pending"

    def counts(self) -> Counts:
        """How the points stand."""
        found = [self.status(point) for point in self.points]
        return Counts(found.count("done"), found.count("failed"), found.count("pending"))


def conduct(
    plan: Plan,
    engine: Engine,
    *,
    threads: int | None = None,
    retry_failed: bool = False,
    command: Sequence[str] = (),
    watch: Watch | None = None,
) -> Sweep:
    """Run every point that is not finished, and write the table of all.

    threads       CPU threads of a run; the scenario's `host.threads`, else 1, where left out. Never chosen by how many runs
                  share the machine, since torch's sums depend on it
    retry_failed  also points that failed before

    Raises SweepInterrupted after Ctrl-C, SIGTERM or SIGUSR1, UsageError, RunError. The first one stops every point
    under way with a checkpoint, a further Ctrl-C ends at once; finished points are kept.
    """
    store = plan.store
    with store.locked():
        if retry_failed:
            for point in plan.points:
                store.forget_failure(point.id)
        todo = {point.id: point for point in plan.points if plan.status(point) == "pending"}
        _describe(plan, command)
        if watch is not None:
            watch.begin(_header(plan, engine), len(todo))
        try:
            if todo:
                _drain(plan, engine, todo, threads, command, watch)
        finally:
            path = index.write(store.path, [_row(store, point) for point in plan.points])
    failures = {point.id: _failure(store, point) for point in plan.points if plan.status(point) == "failed"}
    return Sweep(path.parent, plan.document.name, plan.counts(), failures)


def _drain(
    plan: Plan, engine: Engine, todo: dict[str, Point], threads: int | None, command: Sequence[str], watch: Watch | None
) -> None:
    """Hand all jobs to the engine and keep what comes back."""
    jobs = [_job(plan, point, threads, command) for point in todo.values()]
    need = Need(
        threads=max(job.scenario.host.threads or 1 for job in jobs),
        gpus=int(any(job.scenario.host.accelerator == "cuda" for job in jobs)),
        folder=str(plan.store.path),
    )

    def stop() -> None:
        try:
            plan.store.ask_to_stop()
        except OSError:  # nobody can be told
            raise KeyboardInterrupt from None
        if watch is not None:
            watch.note("stopping: points under way write a checkpoint first; interrupt again to stop at once")

    cut = False
    try:
        with stopped_by_signals(stop), closing(engine.run(jobs, need)) as outcomes:  # type: ignore[type-var]
            for outcome in outcomes:
                if outcome.status == "failed":
                    plan.store.fail(outcome.point, outcome._asdict())
                if outcome.status == "interrupted" and not plan.store.is_stopping():  # whoever stopped one wants all to end
                    stop()
                if watch is not None and outcome.status != "interrupted":
                    watch.outcome(todo[outcome.point], outcome)
    except KeyboardInterrupt:
        cut = True
    done, _, pending = plan.counts()
    if cut or (pending and plan.store.is_stopping()):
        raise SweepInterrupted(
            f"stopped with {done} of {len(plan.points)} points finished; they are kept in {plan.store.path}, and the same "
            "command goes on from there"
        )


def _job(plan: Plan, point: Point, threads: int | None, command: Sequence[str]) -> Job:
    host = point.scenario.host
    host = host.model_copy(update={"threads": threads or host.threads or 1})
    scenario = point.scenario.model_copy(update={"host": host})
    document, folder = plan.document, str(plan.store.path)
    return Job(point.id, scenario, folder, os.getcwd(), document.timing_only, document.weights, tuple(command))


def _row(store: Store, point: Point) -> dict[str, Any]:
    """The point's row of the table."""
    row: dict[str, Any] = {"point": point.id, "label": point.label, **point.values, "seed": point.scenario.seed}
    if store.is_done(point.id):
        path = store.run_folder(point.id).relative_to(store.path).as_posix()
        figures = {name: value for name, value in index.flat(store.summary(point.id)).items() if name != "status"}
        return row | {"status": "done", "path": path, "error": None} | figures
    failure = store.failure(point.id)
    return row | {"status": "failed" if failure else "pending", "path": None, "error": failure and failure["message"]}


def _failure(store: Store, point: Point) -> str:
    return str((store.failure(point.id) or {}).get("message"))


def _header(plan: Plan, engine: Engine) -> dict[str, str]:
    counts = plan.counts()
    return {
        "sweep": f"{plan.document.name}, {len(plan.points)} points",
        "scenario": str(plan.document.scenario),
        "finished": f"{counts.done} before" + (f", {counts.failed} failed before (--retry-failed)" if counts.failed else ""),
        "engine": type(engine).__name__.lower(),
        "results": str(plan.store.path),
    }


def _describe(plan: Plan, command: Sequence[str]) -> None:
    """Write what the sweep is beside its results."""
    folder, text = plan.store.path, plan.document.text.encode()
    atomic.write_bytes(folder / "sweep.yaml", text)
    facts = {
        "kind": "sweep",
        "name": plan.document.name,
        "scenario": str(plan.document.scenario),
        "timing_only": plan.document.timing_only,
        "command": list(command),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": origin.versions(),
        "git": origin.git_state(Path.cwd()),
        "host": origin.host(),
        "points": [
            {"id": point.id, "overrides": point.scenario.overrides, "seed": point.scenario.seed} for point in plan.points
        ],
        "sweep_sha256": hashlib.sha256(text).hexdigest(),
    }
    facts["sha256"] = digest_of(facts)
    atomic.write_bytes(folder / "manifest.json", (json_text.dumps(facts) + "\n").encode())
