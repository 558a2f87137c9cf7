"""A Slurm cluster."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from edgesim.errors import UsageError
from edgesim.sweep.engines.base import Engine, Need, lost, package
from edgesim.sweep.job import Job, Outcome, work

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
        submitted = dict(zip(executor.map_array(_Task(), jobs), [job.point for job in jobs], strict=True))
        try:
            for done in submitit.helpers.as_completed(list(submitted), poll_frequency=LOOK_EVERY_S[self.cluster]):
                lost_to = done.exception()
                yield lost(submitted[done], lost_to) if lost_to is not None else done.result()
        finally:
            for each in submitted:
                each.cancel()


class _Task:
    """What a job runs; after a pre-emption or at its time limit submitit asks for it once more."""

    def __call__(self, job: Job) -> Outcome:
        return work(job)

    def checkpoint(self, job: Job) -> Any:
        return package("submitit", "slurm").helpers.DelayedSubmission(self, job)
