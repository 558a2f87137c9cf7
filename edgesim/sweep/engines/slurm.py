"""A Slurm cluster."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from edgesim.errors import UsageError
from edgesim.sweep.engines.base import Engine, Need, lost, package
from edgesim.sweep.job import Job, Outcome, work
from edgesim.sweep.store import Store

LOOK_EVERY_S = {"slurm": 10.0, "local": 0.5}


class Slurm(Engine):
    """A Slurm cluster, a job a point (submitit); the sweep's folder must be on a disk that all machines share.

    cluster    slurm, or local: submitit's own processes on this machine, to try things out
    jobs       jobs of the array at the same time
    partition  Slurm partition
    account    Slurm account
    minutes    time limit of a job [min]
    """

    def __init__(
        self,
        *,
        cluster: Literal["slurm", "local"] = "slurm",
        jobs: Annotated[int, "[1, inf)"] | None = None,
        partition: str | None = None,
        account: str | None = None,
        minutes: Annotated[int, "[1, inf)"] = 240,
    ) -> None:
        self.cluster = cluster
        self.minutes = minutes
        options = {"array_parallelism": jobs, "partition": partition, "account": account}
        self._options = {f"slurm_{name}": value for name, value in options.items() if value is not None}

    def run(self, jobs: Sequence[Job], need: Need) -> Iterator[Outcome]:
        """See Engine."""
        submitit = package("submitit", "slurm")
        try:
            executor = submitit.AutoExecutor(Path(need.folder) / "slurm", cluster=self.cluster)
        except RuntimeError as error:
            raise UsageError(f"the engine 'slurm' finds no Slurm on this machine ({error})") from None
        executor.update_parameters(
            name="edgesim", timeout_min=self.minutes, cpus_per_task=need.threads, gpus_per_node=need.gpus, **self._options
        )
        waiting = dict(zip(executor.map_array(_Task(), jobs), [job.point for job in jobs], strict=True))
        sweep = Store(Path(need.folder))
        try:
            while waiting:
                for done in [each for each in waiting if each.done()]:
                    point, lost_to = waiting.pop(done), done.exception()
                    yield lost(point, lost_to) if lost_to is not None else done.result()
                if sweep.is_stopping():
                    _leave_the_queue(waiting)
                time.sleep(LOOK_EVERY_S[self.cluster] if waiting else 0.0)
        finally:
            for each in waiting:
                each.cancel()


def _leave_the_queue(waiting: dict[Any, str]) -> None:
    """Forget what has not begun; what has begun writes a checkpoint and stops."""
    for each in [each for each in waiting if each.state == "PENDING"]:
        each.cancel()
        del waiting[each]


class _Task:
    """What a job runs; after a pre-emption or at its time limit submitit asks for it once more."""

    def __call__(self, job: Job) -> Outcome:
        return work(job)

    def checkpoint(self, job: Job) -> Any:
        return package("submitit", "slurm").helpers.DelayedSubmission(self, job)
