"""ADC's measured split in whole runs: what a batch decides changes nothing that is booked."""

from pathlib import Path

import pytest

from edgesim.learn.trip import Insight
from edgesim.runner import run

MEASURED = {"kind": "adc", "xi": 0.3, "split": "measured"}
FADING = {"kind": "rayleigh", "snr_db": 8, "coherence_s": 0.02}
AIRS = {
    "reliable": (FADING, "reliable"),
    "analog": ({"kind": "awgn", "snr_db": 15}, "analog"),
    "lossy": (FADING, {"kind": "lossy", "attempts": 2, "round_trip_s": 0.001}),
    "bits": ({"kind": "awgn", "snr_db": 8}, {"kind": "bits", "modulation": "qam16", "protect_side": False}),
}


@pytest.mark.parametrize("air", AIRS)
def test_the_phantom_book_is_the_torch_book(air: str, make, tmp_path: Path) -> None:
    channel, transport = AIRS[air]
    both = {"channel": channel, "transport": transport, "radio": {"bandwidth_hz": 1e6, "packet_bits": 2000}}
    scenario = make(
        uplink=both | {"codec": MEASURED},
        downlink=both | {"codec": "identity"},
        data={"kind": "digits", "batch_size": 32},
        budget={"steps": 4, "joules": 1000.0},
        evaluate={"every_epochs": 10, "codec": True},
    )
    real = run(scenario, out=tmp_path / "real", trace=True)
    phantom = run(scenario, out=tmp_path / "phantom", trace=True, timing_only=True)
    learned = ["loss", *Insight._fields]
    assert real.summary["steps"] == 4
    assert all(real.summary["checks"].values())
    assert real.entries().equals(phantom.entries())
    assert real.transfers().equals(phantom.transfers())
    assert real.steps().drop_columns(learned).equals(phantom.steps().drop_columns(learned))
