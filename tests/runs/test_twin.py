"""Timing only is not a mode: the phantom book is the torch book, entry for entry."""

from pathlib import Path

import pytest

from edgesim.learn.trip import Insight
from edgesim.runner import run
from edgesim.scenario import Scenario

ADC = {"kind": "adc", "xi": 0.3}
CODECS = {
    "identity": "identity",
    "adc": ADC,
    "topk": {"kind": "topk", "rate": 0.1},
    "quantise": {"kind": "quantise", "bits": 4},
    "chain": {"kind": "chain", "stages": [ADC, {"kind": "quantise", "bits": 8}]},
}
FADING = {"kind": "rayleigh", "snr_db": 8, "coherence_s": 0.02}
BURSTS = {"loss": 0.1, "burst_s": 0.02}
MOVER = {
    "kind": "link_budget",
    "distance_m": 100,
    "far_m": 400,
    "speed_mps": 20,
    "fading": {"kind": "rayleigh", "coherence_s": 0.02},
}
WIDE = {"kind": "tdl", "snr_db": 15, "profile": "C", "delay_spread_s": 3e-7, "bandwidth_hz": 1e6, "coherence_s": 0.02}
AIRS: dict[str, tuple[object, object]] = {
    "ideal": ("ideal", "reliable"),
    "awgn": ({"kind": "awgn", "snr_db": 8}, "reliable"),
    "rayleigh": ({"kind": "rayleigh", "snr_db": 8, "coherence_s": 0.02}, "reliable"),
    "analog": ({"kind": "rayleigh", "snr_db": 15, "coherence_s": 0.02}, "analog"),
    "lossy": (FADING, {"kind": "lossy", "attempts": 2, "round_trip_s": 0.001}),
    "bits": ({"kind": "awgn", "snr_db": 12}, {"kind": "bits", "modulation": "qam16"}),
}
# how the rate is chosen, where it is not followed
RADIOS: dict[str, dict[str, object]] = {"lossy": {"bits_per_symbol": 1.5, "packet_bits": 1000}}


# airs that no codec changes: one codec is enough
SPECIAL: dict[str, tuple[object, object, dict[str, object]]] = {
    "mcs": (FADING, {"kind": "reliable", "combining": "ir"}, {"rates": "mcs1", "outer_loop": True, "csi_delay_s": 0.01}),
    "bursts": ({"kind": "gilbert_elliott", "snr_db": 10, **BURSTS}, {"kind": "lossy", "fill": "last"}, {"packet_bits": 2000}),
    "late": (FADING, {"kind": "lossy", "combining": "chase", "attempts": 3}, {"csi_delay_s": 0.005, "packet_bits": 2000}),
    "reference": ("adc_reference", "analog", {}),
    "inversion": (FADING, {"kind": "analog", "inversion_db": -10, "pilots": 3, "csi_correlation": 0.99}, {}),
    "subcarriers": (WIDE, {"kind": "analog", "pilots": 1, "inversion_db": -20}, {}),
    "mover": (MOVER, {"kind": "lossy", "protect_side": False}, {"rates": "mcs1", "mcs": 5}),
}


# up and down; what the air does to them is nothing new
TOPK = {"kind": "topk", "rate": 0.1}
ADAPTIVE = {"kind": "adaptive", "xi_min": 0.05, "xi_max": 0.5, "levels": 4}
OTHERS: dict[str, tuple[object, object]] = {
    "randtopk": ({"kind": "randtopk", "rate": 0.1}, TOPK),
    "c3sl": ({"kind": "c3sl", "R": 5}, {"kind": "feedback", "codec": TOPK}),
    "bottlenet": (
        {"kind": "bottlenet", "xi": 0.25},
        {"kind": "quantise", "bits": 8, "per": "sample", "rounding": "stochastic"},
    ),
    "splitfc": ({"kind": "splitfc", "xi": 0.1}, {"kind": "splitfc", "xi": 0.2, "reduction": 1}),
    "slacc": ({"kind": "slacc", "xi": 0.1}, {"kind": "slacc", "xi": 0.2}),
    "slfac": ({"kind": "slfac", "xi": 0.1}, {"kind": "slfac", "xi": 0.2}),
    "nscsl": ({"kind": "nscsl", "xi": 0.2, "energy": 1}, {"kind": "nscsl", "xi": 0.2, "energy": 1}),
    "lowrank": ({"kind": "lowrank", "xi": 0.3, "xi_ledger": "wire"}, "identity"),
    "fedlite": ({"kind": "fedlite", "length": 8, "centroids": 16, "answer": "codeword"}, "identity"),
    "tome": ({"kind": "tome", "xi": 0.4}, "identity"),
    "evit": ({"kind": "evit", "xi": 0.4}, "identity"),
    "feedback": ({"kind": "feedback", "codec": {"kind": "quantise", "bits": 4}}, {"kind": "feedback", "codec": "quantise"}),
    "deadline": (ADAPTIVE | {"codec": "adc", "policy": "deadline", "step_s": 0.1}, {"kind": "quantise", "bits": 8}),
    "budget": (ADAPTIVE | {"codec": "topk", "policy": "budget", "steps": 9}, "identity"),
}


# integer codes cannot be sent as analog symbols: the loader refuses those pairs
PAIRS = [(codec, air) for codec in CODECS for air in AIRS if not (air == "analog" and codec in ("quantise", "chain"))]


@pytest.mark.parametrize(("codec", "air"), PAIRS)
def test_phantom_book_equals_torch_book(codec: str, air: str, make, tmp_path: Path) -> None:
    channel, transport = AIRS[air]
    radio = {"bandwidth_hz": "1 MHz", "header_bits": 64} | RADIOS.get(air, {})
    both = {"channel": channel, "radio": radio, "transport": transport}
    scenario = make(uplink=both | {"codec": CODECS[codec]}, downlink=both | {"codec": "identity"})
    same_book(scenario, tmp_path)


@pytest.mark.parametrize("codec", OTHERS)
def test_the_books_agree_whatever_the_codec_does(codec: str, make, tmp_path: Path) -> None:
    up, down = OTHERS[codec]
    both = {"channel": FADING, "radio": {"bandwidth_hz": "1 MHz"}, "transport": "reliable"}
    limits = {"simulated_s": 4.0, "joules": 250.0, "bits": 10_000_000, "ledger": "wire", "steps": 5}
    same_book(make(uplink=both | {"codec": up}, downlink=both | {"codec": down}, budget=limits), tmp_path)


@pytest.mark.parametrize("air", SPECIAL)
def test_the_books_agree_whatever_the_air_does(air: str, make, tmp_path: Path) -> None:
    """With a limit in seconds and joules too, so that every step is rehearsed under the channel as it will be."""
    channel, transport, radio = SPECIAL[air]
    both = {"channel": channel, "radio": {"bandwidth_hz": "1 MHz"} | radio, "transport": transport}
    limits = {"simulated_s": 30.0, "joules": 500.0, "steps": 7}
    same_book(make(uplink=both | {"codec": "identity"}, downlink=both | {"codec": "identity"}, budget=limits), tmp_path)


def same_book(scenario: Scenario, tmp_path: Path) -> None:
    """Run with tensors and without, and compare every table."""
    real = run(scenario, out=tmp_path / "real", trace=True)
    phantom = run(scenario, out=tmp_path / "phantom", trace=True, timing_only=True)
    steps = real.summary["steps"]
    assert steps > 0
    assert real.entries().num_rows >= steps * 9  # five stretches of the client and four of the server in every step
    assert real.entries().equals(phantom.entries())
    assert real.transfers().equals(phantom.transfers())
    learned = ["loss", *Insight._fields]  # what only tensors have
    assert real.steps().drop_columns(learned).equals(phantom.steps().drop_columns(learned))
    for section in ("bits", "symbols", "latency_s", "energy_j", "xi", "simulated_s", "steps"):
        expected = dict(real.summary[section]) if section == "bits" else real.summary[section]
        got = dict(phantom.summary[section]) if section == "bits" else phantom.summary[section]
        if section == "bits":  # a phantom looks at no test set
            expected.pop("evaluation"), got.pop("evaluation")
        assert got == expected
    assert all(real.summary["checks"].values())
