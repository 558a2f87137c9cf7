"""Small sweeps, and an engine that stays in this process."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from edgesim.sweep.engines.base import Engine, Need
from edgesim.sweep.job import Job, Outcome, work

SCENARIO: dict[str, Any] = {
    "seed": 3,
    "model": {"kind": "vit", "name": "tiny_digits", "cut": 2},
    "data": {"kind": "synthetic", "train": 32, "test": 8, "classes": 10, "image_size": 8, "channels": 1, "batch_size": 16},
    "clients": {"count": 1, "device": "raspberry_pi_4"},
    "server": {"device": "edge_server_cpu"},
    "uplink": {"codec": "identity", "channel": "ideal", "radio": {"bandwidth_hz": 1e6}},
    "downlink": {"codec": "identity", "channel": "ideal", "radio": {"bandwidth_hz": 1e6}},
    "protocol": "vanilla",
    "optimiser": {"kind": "adam", "lr": 1e-3},
    "budget": {"steps": 2},
}

Make = Callable[[str], Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes `many.yaml` with the given text below its `scenario: small.yaml`, and the scenario."""
    (tmp_path / "small.yaml").write_text(json.dumps(SCENARIO, indent=1))

    def sweep(text: str, name: str = "many") -> Path:
        path = tmp_path / f"{name}.yaml"
        path.write_text(f"scenario: small.yaml\n{text}")
        return path

    return sweep


class Serial(Engine):
    """One job after the other in this process.

    before  called with each job before it runs; may raise what a user does, such as KeyboardInterrupt
    """

    def __init__(self, before: Callable[[Job], None] = lambda job: None, *, backwards: bool = False) -> None:
        self.before = before
        self.backwards = backwards
        self.ran: list[str] = []

    def run(self, jobs: Sequence[Job], need: Need) -> Iterator[Outcome]:
        for job in reversed(jobs) if self.backwards else jobs:
            self.before(job)
            self.ran.append(job.point)
            yield work(job)


@pytest.fixture
def serial() -> type[Serial]:
    """The engine's class."""
    return Serial
