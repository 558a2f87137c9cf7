"""Tiny finished runs to draw."""

import json
from pathlib import Path
from typing import Any

import pytest

from edgesim.load import load
from edgesim.runner import run

LINK: dict[str, Any] = {"codec": "identity", "channel": "ideal", "radio": {"bandwidth_hz": 1e6}, "transport": "reliable"}
FADING = {"kind": "rayleigh", "snr_db": 8, "coherence_s": 0.02}
TINY: dict[str, Any] = {
    "model": {"kind": "vit", "name": "tiny_digits", "cut": 2},
    "data": {"kind": "digits", "batch_size": 32},
    "clients": {"count": 1, "device": "raspberry_pi_4"},
    "server": {"device": "edge_server_cpu"},
    "uplink": LINK | {"codec": {"kind": "adc", "xi": 0.3}, "channel": FADING},
    "downlink": LINK,
    "protocol": "vanilla",
    "optimiser": {"kind": "adam", "lr": 1e-3},
    "budget": {"steps": 4},
    "evaluate": {"every_epochs": 0.05},
    "host": {"threads": 1},
}


def made(folder: Path, changes: dict[str, Any], **how: Any) -> Path:
    """The folder of a run of TINY with sections replaced."""
    path = folder / "tiny.yaml"
    path.write_text(json.dumps(TINY | changes, indent=1))
    return run(load(path), out=folder, **how).path


@pytest.fixture(scope="session")
def adc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ADC over Rayleigh fading, with the book."""
    return made(tmp_path_factory.mktemp("adc"), {}, trace=True)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """No compression, an ideal channel, no book."""
    return made(tmp_path_factory.mktemp("base"), {"uplink": LINK, "seed": 1})


@pytest.fixture(scope="session")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Timing only."""
    return made(tmp_path_factory.mktemp("timing"), {}, timing_only=True)


@pytest.fixture(scope="session")
def seeds(base: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two seeds of plain split learning over an ideal link: both spend the same at every look."""
    return [base, made(tmp_path_factory.mktemp("seeds"), {"uplink": LINK, "seed": 2})]
