"""Worker processes on this machine."""

import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Annotated

from edgesim.errors import RunError
from edgesim.record.origin import usable_cores
from edgesim.sweep.engines.base import Engine, Need
from edgesim.sweep.job import Job, Outcome, work

LOOK_EVERY_S = 0.5


class Local(Engine):
    """Worker processes on this machine (joblib with loky), each with its own share of the cores.

    jobs  workers at the same time; as many as the cores can serve where left out
    """

    def __init__(self, *, jobs: Annotated[int, "[1, inf)"] | None = None) -> None:
        self.jobs = jobs

    def run(self, jobs: Sequence[Job], need: Need) -> Iterator[Outcome]:
        """See Engine."""
        from joblib import Parallel, delayed, parallel_config

        workers = min(self.jobs or max(1, usable_cores() // need.threads), len(jobs))
        calls = (delayed(_in_worker)(job, os.getpid()) for job in jobs)
        # sets OMP_NUM_THREADS and its kin in the workers, before they import torch
        with parallel_config(backend="loky", inner_max_num_threads=need.threads):
            outcomes = Parallel(n_jobs=max(workers, 1), batch_size=1, return_as="generator_unordered")(calls)
        try:
            yield from outcomes
        except BrokenProcessPool:
            raise RunError(
                "a worker was killed, most often because memory ran out: finished points are kept; run the same command with "
                "fewer --jobs"
            ) from None
        finally:
            outcomes.close()


def _in_worker(job: Job, parent: int) -> Outcome:
    if os.getpid() != parent and _WATCHMAN not in {thread.name for thread in threading.enumerate()}:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal; the sweep's own answers it
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
