"""What is too large is refused at no cost, what is just within the limits is not, and every limit is about something real."""

import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from edgesim import kinds, limits
from edgesim.errors import ScenarioError
from edgesim.load import load
from edgesim.quantities import Interval
from edgesim.scenario import Group, HostSpec, Scenario, ServerSpec
from edgesim.specs import DataCommon
from edgesim.yaml_nodes import write

HERE = Path(__file__).parent
TOO_LARGE = ["clients", "groups_together", "synthetic_count", "model_side", "batch", "packets"]
SECTIONS = {"clients": Group, "server": ServerSpec, "host": HostSpec}
PEAK_BYTES = 8 << 20  # of reading any scenario, in Python objects


@pytest.mark.parametrize(("slot", "name"), sorted(limits.LIMITS))
def test_every_limit_is_about_a_number_of_a_scenario(slot: str, name: str) -> None:
    if slot in SECTIONS:
        assert name in SECTIONS[slot].model_fields
    else:
        known = [set(kinds.read(slot, kind).knobs) for kind in kinds.names(slot)]
        assert name in set().union(*known, DataCommon.model_fields if slot == "data" else ())


def test_defaults_are_within_the_limits() -> None:
    """Whatever is left out."""
    for (slot, name), limit in limits.LIMITS.items():
        for kind in kinds.names(slot) if slot in kinds.SLOTS else ():
            knob = kinds.read(slot, kind).knobs.get(name)
            if knob is not None and isinstance(knob.default, int | float):
                assert knob.default in Interval.parse(limit.interval), (slot, kind, name)


@pytest.mark.parametrize("name", TOO_LARGE)
def test_refusing_takes_no_memory(name: str) -> None:
    path = HERE / "bad_input" / f"limit_{name}.yaml"
    with pytest.raises(ScenarioError):  # once before, for what is read and remembered the first time
        load(path)
    tracemalloc.start()
    try:
        with pytest.raises(ScenarioError):
            load(path)
        assert tracemalloc.get_traced_memory()[1] < PEAK_BYTES
    finally:
        tracemalloc.stop()


LINK = {"codec": "identity", "channel": "ideal"}
SMALL: dict[str, Any] = {
    "model": {"kind": "vit", "name": "tiny_digits", "cut": 2},
    "data": {"kind": "synthetic", "train": 1_000_000, "image_size": 8, "channels": 1, "batch_size": 1},
    "clients": {"device": "raspberry_pi_4"},
    "server": {"device": "edge_server"},
    "uplink": LINK,
    "downlink": LINK,
    "protocol": "parallel",
    "optimiser": "adam",
    "budget": {"steps": 2},
}


@pytest.mark.parametrize(
    "sections",
    [
        {"clients": {"device": "raspberry_pi_4", "count": limits.MOST_CLIENTS}},
        {"server": {"device": "edge_server", "cores": 65536}},
        {"data": {"kind": "synthetic", "train": 10_000_000, "test": 1, "image_size": 32, "channels": 1, "batch_size": 100_000}},
        {"model": {"kind": "vit", "name": "deit_tiny_patch16_224", "cut": 3, "image_size": 4096}},
        {"uplink": LINK | {"radio": {"packet_bits": 1}}},
        {"uplink": LINK | {"channel": {"kind": "rayleigh", "snr_db": 300, "coherence_s": 1e-6}}},
        {"budget": {"steps": 2**63 - 1}, "seed": 2**63 - 1},
    ],
    ids=str,
)
def test_the_limit_itself_is_taken(tmp_path: Path, sections: dict[str, Any]) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(write(SMALL | sections))
    assert isinstance(load(file), Scenario)
