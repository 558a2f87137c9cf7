"""Workers of this machine that are killed: the point that does it fails, all others are done."""

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest

from edgesim.sweep.conduct import Plan, _job
from edgesim.sweep.engines.base import Need
from edgesim.sweep.engines.local import Local
from edgesim.sweep.job import Job

TEXT = "timing_only: true\ngrid: {uplink.radio.bandwidth_hz: [1e6, 2e6, 3e6, 4e6]}\n"


@dataclass(frozen=True)
class Deadly(Job):
    """A job that ends any process in which it is unpacked, as the kernel ends the largest one."""

    def __reduce__(self) -> Any:
        return os._exit, (9,)


@pytest.mark.slow
@pytest.mark.parametrize("place", [0, 2])
def test_a_point_that_kills_its_worker_fails_alone(place: int, make: Any, tmp_path: Path) -> None:
    plan = Plan(make(TEXT), out=tmp_path / "out")
    jobs = [_job(plan, point, 1, ()) for point in plan.points]
    jobs[place] = Deadly(**{field.name: getattr(jobs[place], field.name) for field in fields(Job)})
    outcomes = {outcome.point: outcome for outcome in Local(jobs=2).run(jobs, Need(1, 0, str(tmp_path)))}
    assert [*outcomes] != []
    assert {point for point, outcome in outcomes.items() if outcome.status == "done"} == {
        job.point for job in jobs if not isinstance(job, Deadly)
    }
    failed = outcomes[jobs[place].point]
    assert (failed.status, failed.exit_code) == ("failed", 1)
    assert failed.message.startswith("its worker was killed twice, the second time with nothing beside it")
