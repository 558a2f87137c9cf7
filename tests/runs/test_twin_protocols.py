"""The phantom book is the torch book for every protocol over every medium, with several clients on the air at once."""

from pathlib import Path

import pytest

from edgesim import kinds
from edgesim.runner import run
from edgesim.scenario import Scenario

ADC = {"kind": "adc", "xi": 0.3}
FADING = {"kind": "rayleigh", "snr_db": 8, "coherence_s": 0.02}
ROUND = {"participants": 2, "local_steps": 2}
PROTOCOLS: dict[str, dict[str, object]] = {
    "sequential": {"local_steps": 2, "optimiser": "carry", "hand_over": "server"},
    "parallel": {"sync_every": 2, "participants": 2},
    "splitfed_v1": ROUND,
    "splitfed_v2": ROUND,
    "fedavg": ROUND,
}
MEDIUMS: dict[str, dict[str, object]] = {
    "fdma": {"power_concentration": True},
    "tdma": {"weights": [1, 2, 3]},
    "round_robin": {"quantum_s": 0.01},
}


def test_every_protocol_and_medium_is_here() -> None:
    alone = {"vanilla", "ushaped"}
    assert set(PROTOCOLS) | alone == set(kinds.names("protocol"))
    assert all(kinds.read("protocol", name).flags.get("alone") for name in alone)


@pytest.mark.parametrize("medium", kinds.names("medium"))
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_phantom_book_equals_torch_book(protocol: str, medium: str, make, tmp_path: Path) -> None:
    shared = {"kind": medium, **MEDIUMS.get(medium, {})}
    both = {"channel": FADING, "radio": {"bandwidth_hz": "1 MHz", "header_bits": 64}, "medium": shared}
    scenario = make(
        clients=[{"count": 2, "device": "raspberry_pi_4"}, {"device": "jetson_nano"}],
        uplink=both | {"codec": ADC},
        downlink=both | {"codec": "identity"},
        protocol={"kind": protocol, **PROTOCOLS[protocol]},
        budget={"rounds": 2, "joules": 1e9},  # a limit that is never met, so that every unit is rehearsed
    )
    same_book(scenario, tmp_path)


def test_the_u_shaped_books_agree(make, tmp_path: Path) -> None:
    both = {"channel": FADING, "radio": {"bandwidth_hz": "1 MHz"}}
    links = {"uplink": both | {"codec": ADC}, "downlink": both | {"codec": "identity"}}
    same_book(make(protocol="ushaped", budget={"steps": 4, "joules": 1e9}, **links), tmp_path)


def same_book(scenario: Scenario, tmp_path: Path) -> None:
    """Run with tensors and without, and compare every table."""
    real = run(scenario, out=tmp_path / "real", trace=True)
    phantom = run(scenario, out=tmp_path / "phantom", trace=True, timing_only=True)
    assert real.summary["steps"] > 0
    assert real.entries().equals(phantom.entries())
    assert real.transfers().equals(phantom.transfers())
    measured = ["loss", "uplink_error", "gradient_norm", "downlink_error", "cut_gradient_norm"]
    assert real.steps().drop_columns(measured).equals(phantom.steps().drop_columns(measured))
    for section in ("symbols", "latency_s", "energy_j", "xi", "simulated_s", "steps", "rounds"):
        assert real.summary[section] == phantom.summary[section]
    assert all(real.summary["checks"].values())
