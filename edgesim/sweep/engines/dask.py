"""A Dask cluster."""

import signal
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from edgesim.errors import UsageError
from edgesim.record.origin import usable_cores
from edgesim.sweep.engines.base import PATIENCE_S, Engine, Need, answers, lost, package
from edgesim.sweep.job import Job, Outcome, work


class Dask(Engine):
    """A Dask cluster; start its workers with `dask worker --nthreads 1`, since a run has a process to itself.

    address  of the scheduler, such as tcp://10.0.0.1:8786; a cluster on this machine for the time of the sweep where left out
    jobs     workers of a cluster on this machine; as many as the cores can serve where left out
    """

    def __init__(self, *, address: str | None = None, jobs: Annotated[int, "[1, inf)"] | None = None) -> None:
        self.address = address
        self.jobs = jobs

    def run(self, jobs: Sequence[Job], need: Need) -> Iterator[Outcome]:
        """See Engine."""
        distributed = package("distributed", "dask")
        if self.address is not None:
            answers(self.address, "dask")
        try:
            where = self.address or self._cluster(distributed, need)
            client = distributed.Client(where, timeout=PATIENCE_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise UsageError(f"the engine 'dask' cannot connect to {self.address}: {error}") from None
        if self.address is None:
            client.run(_be_deaf)
        futures = {client.submit(work, job, pure=False): job.point for job in jobs}
        try:
            for future in distributed.as_completed(list(futures), loop=client.loop):
                lost_to = future.exception()
                yield lost(futures[future], lost_to) if lost_to is not None else future.result()
        finally:
            client.cancel(list(futures), force=True)
            if self.address is None:
                client.shutdown()
            client.close()

    def _cluster(self, distributed: Any, need: Need) -> Any:
        workers = self.jobs or max(1, usable_cores() // need.threads)
        return distributed.LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)


def _be_deaf() -> None:
    """Ctrl-C reaches every process of a terminal; the sweep's own answers it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
