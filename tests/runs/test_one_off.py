"""What is told once is booked once, at the beginning, and a run begins with it in the book of its twin too."""

from pathlib import Path
from typing import Any

import pytest

from edgesim.runner import run

FADING = {"channel": {"kind": "rayleigh", "snr_db": 8, "coherence_s": 0.02}, "radio": {"bandwidth_hz": 1e6}}
LOWRANK = {"kind": "lowrank", "tokens": 3, "width": 20, "bases": "calibration"}
CLASSES, TOKENS, WIDTH = 10, 17, 48


@pytest.mark.parametrize(
    ("up", "bits"),
    [
        ({"kind": "c3sl", "R": 4}, 64),
        (LOWRANK, 32 * ((TOKENS - 1) * 2 + WIDTH * 20)),
        ({"kind": "chain", "stages": [LOWRANK, {"kind": "quantise", "bits": 8}]}, 32 * ((TOKENS - 1) * 2 + WIDTH * 20)),
    ],
)
@pytest.mark.parametrize("clients", [1, 2])
def test_it_travels_before_the_first_step(up: dict[str, Any], bits: int, clients: int, make, tmp_path: Path) -> None:
    scenario = make(
        uplink=FADING | {"codec": up},
        downlink=FADING | {"codec": "identity"},
        clients={"count": clients, "device": "raspberry_pi_4"},
        protocol="vanilla" if clients == 1 else "parallel",
        budget={"bits": 20_000_000, "ledger": "wire", "joules": 200.0, "steps": 4},
    )
    real, twin = (run(scenario, out=tmp_path / str(only), trace=True, timing_only=only) for only in (False, True))
    assert real.transfers().equals(twin.transfers())
    assert real.entries().equals(twin.entries())
    first = real.transfers().slice(0, clients).to_pylist()
    assert [(row["label"], row["model_bits"], row["step"], row["paper_bits"]) for row in first] == [
        ("one-off", bits, 0, 0.0)
    ] * clients
    assert "one-off" not in real.transfers()["label"].to_pylist()[clients:]
    assert real.summary["bits"]["up"]["model"] == clients * bits
    assert min(real.steps()["start_s"].to_pylist()) > 0.0
    assert all(real.summary["checks"].values())
    values = {row["side_bits"] for row in real.transfers().to_pylist() if row["label"] == "smashed"}
    assert values == ({0} if up["kind"] != "chain" else {64})  # no bases in messages; a quantiser's range


def test_a_budget_that_it_would_break_is_not_begun(make, tmp_path: Path) -> None:
    """One step fits, but not after the bases have been sent."""
    both = {"uplink": FADING | {"codec": LOWRANK}, "downlink": FADING | {"codec": "identity"}}
    step = run(make(**both, budget={"steps": 1}), out=tmp_path / "one", timing_only=True).summary
    payload = sum(step["bits"][direction]["total"] for direction in ("up", "down"))
    budget = {"bits": payload - 1, "ledger": "wire"}
    done = run(make(**both, budget=budget), out=tmp_path / "none", timing_only=True).summary
    assert (done["steps"], done["stopped_by"]) == (0, "budget")
    assert done["budget"]["spent_bits"] <= budget["bits"]
