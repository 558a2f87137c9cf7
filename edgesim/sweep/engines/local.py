"""Worker processes on this machine."""

import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Annotated

from edgesim.record.origin import usable_cores
from edgesim.sweep.engines.base import Engine, Need
from edgesim.sweep.job import LOOK_EVERY_S, Job, Outcome, work


class Local(Engine):
    """Worker processes on this machine (joblib with loky), each with its own share of the cores.

    Where a worker is killed, most often because memory ran out, the points that were under way go on one after the other, each
    alone; one whose worker is killed then fails, and the others go on as before.

    jobs  workers at the same time; as many as the cores can serve where left out
    """

    def __init__(self, *, jobs: Annotated[int, "[1, inf)"] | None = None) -> None:
        self.jobs = jobs

    def run(self, jobs: Sequence[Job], need: Need) -> Iterator[Outcome]:
        """See Engine."""
        workers = max(1, min(self.jobs or usable_cores() // need.threads, len(jobs)))
        waiting = {job.point: job for job in jobs}
        while waiting:
            try:
                for outcome in _together([*waiting.values()], workers, need):
                    del waiting[outcome.point]
                    yield outcome
            except BrokenProcessPool:
                under_way = [*waiting.values()][:workers]  # workers take jobs in order
                for job in under_way:
                    del waiting[job.point]
                    yield _alone(job, need)


def _together(jobs: Sequence[Job], workers: int, need: Need) -> Iterator[Outcome]:
    """Outcomes as they come. Raises BrokenProcessPool where a worker was killed, with which all others end."""
    from joblib import Parallel, delayed, parallel_config

    calls = (delayed(_in_worker)(job, os.getpid()) for job in jobs)
    # sets OMP_NUM_THREADS and its kin in the workers, before they import torch
    with _deaf_children(), parallel_config(backend="loky", inner_max_num_threads=need.threads):
        outcomes = Parallel(n_jobs=workers, batch_size=1, return_as="generator_unordered")(calls)
    try:
        yield from outcomes
    finally:
        outcomes.close()


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Processes started meanwhile ignore Ctrl-C, which reaches every process of a terminal: the sweep's own answers it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited; a mask is not, Python's resource tracker lifts it
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _alone(job: Job, need: Need) -> Outcome:
    """A job with nothing beside it, in a process that may be killed: with one worker there would be none but this."""
    try:
        [outcome] = _together([job], 2, need)
    except BrokenProcessPool:
        message = "its worker was killed twice, the second time with nothing beside it, most often because memory ran out"
        return Outcome(job.point, "failed", message, 1)
    return outcome


def _in_worker(job: Job, parent: int) -> Outcome:
    if os.getpid() != parent and _WATCHMAN not in {thread.name for thread in threading.enumerate()}:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # a run would listen
        _end_with(parent)
    return work(job)


def _end_with(parent: int) -> None:
    """Leave when the sweep's process is gone: what nobody waits for should not keep a core busy."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_EVERY_S)
        os._exit(1)

    threading.Thread(target=watch, name=_WATCHMAN, daemon=True).start()


_WATCHMAN = "edgesim-watches-its-sweep"
