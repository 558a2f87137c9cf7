"""Who takes part in a round."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from edgesim.load import load
from edgesim.rows import Step
from edgesim.session import Session

SCENARIO: dict[str, Any] = {
    "seed": 3,
    "model": {"kind": "vit", "name": "tiny_digits", "cut": 2},
    "data": {"kind": "synthetic", "train": 112, "test": 16, "classes": 10, "image_size": 8, "channels": 1, "batch_size": 16},
    "clients": {"count": 7, "device": "raspberry_pi_4"},
    "server": {"device": "edge_server_cpu"},
    "uplink": {"codec": "identity", "channel": "ideal", "radio": {"bandwidth_hz": 1e6}},
    "downlink": {"codec": "identity", "channel": "ideal", "radio": {"bandwidth_hz": 1e6}},
    "optimiser": {"kind": "adam", "lr": 1e-3},
    "budget": {"rounds": 7},
}


def taken_part(tmp_path: Path, **protocol: Any) -> list[int]:
    """The clients of seven rounds, in the order in which they finished their only step of a round."""
    path = tmp_path / "scenario.yaml"
    path.write_text(json.dumps(SCENARIO | {"protocol": {"local_steps": 1, "participants": 3, **protocol}}))
    session = Session(load(path), timing_only=True)
    steps: list[Step] = []
    session.world.watch = lambda row, _loss: steps.append(row)
    session.run()
    assert len(steps) == 7 * 3
    return [row.client for row in steps]


@pytest.mark.parametrize("kind", ["splitfed_v1", "splitfed_v2", "fedavg"])
def test_in_a_cycle_all_take_part_equally_often_one_after_the_other(kind: str, tmp_path: Path) -> None:
    clients = taken_part(tmp_path, kind=kind, selection="cycle")
    assert sorted(clients[:3]) == [0, 1, 2]
    assert sorted(clients[6:9]) == [0, 1, 6]  # it goes on where it was
    assert Counter(clients) == dict.fromkeys(range(7), 3)


def test_at_random_they_do_not(tmp_path: Path) -> None:
    assert Counter(taken_part(tmp_path, kind="splitfed_v2")) != dict.fromkeys(range(7), 3)
