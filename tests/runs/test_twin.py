"""Timing only is not a mode: the phantom book is the torch book, entry for entry."""

from pathlib import Path

import pytest

from edgesim.runner import run

ADC = {"kind": "adc", "xi": 0.3}
CODECS = {
    "identity": "identity",
    "adc": ADC,
    "topk": {"kind": "topk", "rate": 0.1},
    "quantise": {"kind": "quantise", "bits": 4},
    "chain": {"kind": "chain", "stages": [ADC, {"kind": "quantise", "bits": 8}]},
}
AIRS = {
    "ideal": ("ideal", "reliable"),
    "awgn": ({"kind": "awgn", "snr_db": 8}, "reliable"),
    "rayleigh": ({"kind": "rayleigh", "snr_db": 8, "coherence_s": 0.02}, "reliable"),
    "analog": ({"kind": "rayleigh", "snr_db": 15, "coherence_s": 0.02}, "analog"),
}


# integer codes cannot be sent as analog symbols: the loader refuses those pairs
PAIRS = [(codec, air) for codec in CODECS for air in AIRS if not (air == "analog" and codec in ("quantise", "chain"))]


@pytest.mark.parametrize(("codec", "air"), PAIRS)
def test_phantom_book_equals_torch_book(codec: str, air: str, make, tmp_path: Path) -> None:
    channel, transport = AIRS[air]
    both = {"channel": channel, "radio": {"bandwidth_hz": "1 MHz", "header_bits": 64}, "transport": transport}
    scenario = make(uplink=both | {"codec": CODECS[codec]}, downlink=both | {"codec": "identity"})
    real = run(scenario, out=tmp_path / "real", trace=True)
    phantom = run(scenario, out=tmp_path / "phantom", trace=True, timing_only=True)
    assert real.entries().num_rows >= 7 * 9  # five stretches of the client and four of the server in every step
    assert real.entries().equals(phantom.entries())
    assert real.transfers().equals(phantom.transfers())
    assert real.steps().drop_columns("loss").equals(phantom.steps().drop_columns("loss"))
    for section in ("bits", "symbols", "latency_s", "energy_j", "xi", "simulated_s", "steps"):
        expected = dict(real.summary[section]) if section == "bits" else real.summary[section]
        got = dict(phantom.summary[section]) if section == "bits" else phantom.summary[section]
        if section == "bits":  # a phantom looks at no test set
            expected.pop("evaluation"), got.pop("evaluation")
        assert got == expected
