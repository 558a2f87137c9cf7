"""Small scenarios for whole runs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgesim.load import load
from edgesim.scenario import Scenario

SMALL: dict[str, Any] = {
    "seed": 3,
    "model": {"kind": "vit", "name": "tiny_digits", "cut": 2},
    "data": {"kind": "synthetic", "train": 96, "test": 40, "classes": 10, "image_size": 8, "channels": 1, "batch_size": 16},
    "clients": {"count": 1, "device": "raspberry_pi_4"},
    "server": {"device": "edge_server_cpu"},
    "uplink": {"codec": "identity", "channel": "ideal", "radio": {"bandwidth_hz": 1e6}, "transport": "reliable"},
    "downlink": {"codec": "identity", "channel": "ideal", "radio": {"bandwidth_hz": 1e6}, "transport": "reliable"},
    "protocol": "vanilla",
    "optimiser": {"kind": "adam", "lr": 1e-3},
    "budget": {"steps": 7},
    "evaluate": {"every_epochs": 1},
    "host": {"threads": 1},
}

Make = Callable[..., Scenario]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A small scenario with sections replaced: make(uplink={...}, budget={...})."""

    def scenario(**sections: Any) -> Scenario:
        path = tmp_path / "small.yaml"
        path.write_text(json.dumps(SMALL | sections, indent=1))  # YAML, one value a line
        return load(path)

    return scenario


def link(codec: Any = "identity", channel: Any = "ideal", transport: Any = "reliable", **radio: Any) -> dict[str, Any]:
    """An uplink or downlink section."""
    return {"codec": codec, "channel": channel, "radio": {"bandwidth_hz": 1e6} | radio, "transport": transport}
