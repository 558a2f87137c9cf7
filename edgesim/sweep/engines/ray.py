"""A Ray cluster."""

import signal
import threading
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from edgesim.errors import UsageError
from edgesim.sweep.engines.base import Engine, Need, answers, lost, package
from edgesim.sweep.job import Job, Outcome, work


class Ray(Engine):
    """A Ray cluster, joined as a driver: from one of its machines.

    address  of the head, such as 10.0.0.1:6379, or `auto`; a Ray of its own on this machine where left out
    jobs     points at the same time; as many as the cluster has cores for where left out
    """

    def __init__(self, *, address: str | None = None, jobs: Annotated[int, "[1, inf)"] | None = None) -> None:
        self.address = address
        self.jobs = jobs

    def run(self, jobs: Sequence[Job], need: Need) -> Iterator[Outcome]:
        """See Engine."""
        ray = package("ray", "ray")
        if self.address not in (None, "auto"):
            answers(str(self.address), "ray")
        try:
            self._join(ray)
        except (ConnectionError, RuntimeError, ValueError) as error:
            token = "a cluster that asks for a token wants RAY_AUTH_TOKEN here too"
            raise UsageError(f"the engine 'ray' cannot connect to {self.address} ({error}); {token}") from None
        try:
            yield from self._outcomes(ray, jobs, need)
        finally:
            ray.shutdown()

    def _join(self, ray: Any) -> None:
        before = signal.getsignal(signal.SIGTERM)
        ray.init(self.address or "local", logging_level="error", log_to_driver=False, include_dashboard=False)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)  # Ray's own would end the sweep at once

    def _outcomes(self, ray: Any, jobs: Sequence[Job], need: Need) -> Iterator[Outcome]:
        task = ray.remote(num_cpus=need.threads, num_gpus=need.gpus)(work)
        waiting = list(reversed(jobs))
        running: dict[Any, str] = {}
        while waiting or running:
            while waiting and (self.jobs is None or len(running) < self.jobs):
                job = waiting.pop()
                running[task.remote(job)] = job.point
            [ready], _ = ray.wait(list(running), num_returns=1)
            point = running.pop(ready)
            try:
                yield ray.get(ready)
            except ray.exceptions.RayError as error:
                yield lost(point, error)
