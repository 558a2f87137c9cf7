"""One point of a sweep as it is handed to a worker, and what the worker says of it."""

import contextlib
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple

from edgesim.errors import EdgesimError, RunInterrupted
from edgesim.scenario import Scenario
from edgesim.stopping import stopped_by_signals
from edgesim.sweep.store import Store

LOOK_EVERY_S = 0.5

_ONE_AT_A_TIME = threading.Lock()  # a run sets torch's thread count, which is the process's


@dataclass(frozen=True)
class Job:
    """A point, complete: a worker needs nothing else but edgesim and the folder.

    point        its id
    scenario     what to run, with the threads it may use
    folder       the sweep's folder, absolute; on a cluster, one that all machines share
    workdir      where relative paths of the scenario begin
    timing_only  train nothing
    weights      keep the trained weights of a large model too
    command      what the user typed
    """

    point: str
    scenario: Scenario
    folder: str
    workdir: str
    timing_only: bool
    weights: bool = False
    command: tuple[str, ...] = ()


class Outcome(NamedTuple):
    """How a job ended.

    message    one line for people, empty when done
    exit_code  the one `edgesim run` would have given
    trace      the traceback of a failure nobody foresaw
    """

    point: str
    status: Literal["done", "failed", "interrupted"]
    message: str = ""
    exit_code: int = 0
    trace: str = ""


def work(job: Job) -> Outcome:
    """Run one point and keep its results. Gives an outcome whatever the run raises."""
    store = Store(Path(job.folder))
    if store.is_done(job.point):
        return Outcome(job.point, "done")
    if store.is_stopping():
        return Outcome(job.point, "interrupted", exit_code=RunInterrupted.exit_code)
    verdict = _Verdict(job.point)
    with _ONE_AT_A_TIME, verdict, contextlib.chdir(job.workdir):
        store.attempt(job.point, lambda folder: _run(job, folder, store))
    return verdict.outcome


def _run(job: Job, folder: Path, store: Store) -> Path:
    from edgesim import runner  # imports torch

    done = runner.run(
        job.scenario,
        out=folder,
        timing_only=job.timing_only,
        weights=job.weights,
        resume=True,
        command=job.command,
        stopped_by=lambda stop: _stopped_with(store, stop),
    )
    return done.path


@contextlib.contextmanager
def _stopped_with(sweep: Store, stop: Callable[[], None]) -> Iterator[None]:
    """Calls `stop` when the sweep is asked to stop, by whatever process, or this process by a signal."""
    over = threading.Event()

    def look() -> None:
        while not sweep.is_stopping():
            if over.wait(LOOK_EVERY_S):
                return
        stop()

    looks = threading.Thread(target=look, name="edgesim-stops-with-its-sweep", daemon=True)
    with stopped_by_signals(stop):
        looks.start()
        try:
            yield
        finally:
            over.set()
            looks.join()


class _Verdict:
    """Turns the end of a run, good or bad, into its outcome: one failed point must not lose the others."""

    def __init__(self, point: str) -> None:
        self.outcome = Outcome(point, "done")

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        point = self.outcome.point
        if isinstance(error, RunInterrupted):
            self.outcome = Outcome(point, "interrupted", str(error), error.exit_code)
        elif isinstance(error, EdgesimError):
            self.outcome = Outcome(point, "failed", str(error), error.exit_code)
        elif isinstance(error, Exception):
            text = "".join(traceback.format_exception(kind, error, trace))
            self.outcome = Outcome(point, "failed", f"{type(error).__name__}: {' '.join(str(error).split())}", 1, text)
        return self.outcome.status != "done"
