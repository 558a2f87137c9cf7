"""Whole runs on a pretended GPU tell what they tell on a CPU, and wait for it only where docs/speed.md says so."""

from typing import Any

import pytest

from edgesim.scenario import Scenario
from edgesim.session import Session
from tests.pretended_gpu import Gpu, pretended_gpu
from tests.runs.conftest import SMALL, Told, begun, link

ADC = link({"kind": "adc", "xi": 0.3})
FADING = {"kind": "rayleigh", "snr_db": 8, "coherence_s": 0.01}
PAIR = {"count": 2, "device": "raspberry_pi_4"}
COLOUR = SMALL["data"] | {"channels": 3, "image_size": 10}

RUNS: dict[str, dict[str, Any]] = {
    "adc, and a second look through it": {"uplink": ADC, "evaluate": {"codec_too": True}},
    "noise on symbols, pictures resized and flipped": {
        "data": COLOUR | {"augment": "flip"},
        "uplink": link(channel=FADING, transport="analog"),
        "downlink": link(channel={"kind": "awgn", "snr_db": 5}, transport="analog"),
    },
    "wrong bits of codes and of numbers": {
        "uplink": link({"kind": "quantise", "bits": 6}, {"kind": "awgn", "snr_db": 4}, "bits"),
        "downlink": link("identity", {"kind": "awgn", "snr_db": 4}, "bits"),
    },
    "lost packets": {
        "uplink": link("identity", {"kind": "erasure", "loss": 0.2}, {"kind": "lossy", "fill": "last"}),
        "downlink": link({"kind": "topk", "rate": 0.2}, {"kind": "erasure", "loss": 0.2}, "lossy"),
    },
    "two clients, merged where they meet": {
        "clients": PAIR,
        "uplink": link({"kind": "adc_tokens", "xi": 0.4}),
        "protocol": {"kind": "parallel", "merge": 0.5},
    },
    "averaged halves, one memory each": {
        "clients": PAIR,
        "protocol": "splitfed_v1",
        "downlink": link({"kind": "feedback", "codec": {"kind": "topk", "rate": 0.1}}),
    },
    "averaged whole models": {"clients": PAIR, "protocol": "fedavg", "optimiser": {"kind": "sgd", "lr": 0.1}},
    "labels at home": {"uplink": ADC, "protocol": "ushaped"},
    "weights that travel with their moments": {"clients": PAIR, "protocol": {"kind": "sequential", "optimiser": "carry"}},
    "on guard": {"uplink": ADC, "non_finite": "guard"},
    "16 bits, mixed pictures": {
        "model": SMALL["model"] | {"precision": "bfloat16"},
        "data": COLOUR | {"augment": "deit"},
        "optimiser": {"kind": "adamw", "lr": 1e-3},
    },
}


def small(make: Any, accelerator: str, **sections: Any) -> Scenario:
    """Three steps, or a round."""
    data = sections.pop("data", SMALL["data"]) | {"train": 48, "test": 20}
    three = {"budget": {"steps": 3 if "clients" not in sections else 6}, "evaluate": {}}
    made: Scenario = make(**(three | sections), data=data, host={"threads": 1, "accelerator": accelerator})
    return made


def told(scenario: Scenario) -> Told:
    session, heard = begun(scenario, timing_only=False, trace=True)
    session.run()
    return Told(session, heard)


@pytest.mark.parametrize("what", RUNS)
def test_a_gpu_tells_what_a_cpu_tells(what: str, make: Any) -> None:
    here = told(small(make, "cpu", **RUNS[what]))
    with pretended_gpu():
        there = told(small(make, "cuda", **RUNS[what]))
    assert sorted(there.rows) == sorted(here.rows)  # those of steps are told later
    for name in ("summary", "clients", "weights", "state"):
        assert getattr(there, name) == getattr(here, name), name


def test_a_run_that_is_cut_goes_on_on_a_gpu(make: Any, cut_at: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgesim.build.cast.STEPS_AT_ONCE", 1)  # rows in the order of an uncut run's
    sections = {"uplink": ADC, "downlink": link({"kind": "feedback", "codec": {"kind": "topk", "rate": 0.1}})}
    with pretended_gpu():
        cut_at(small(make, "cuda", **sections), 1)


def waits(session: Session, gpu: Gpu) -> dict[str, int]:
    """In all steps after the first."""
    before: list[Any] = []

    def between() -> None:
        if not before:
            before.append(gpu.waits.copy())

    session.between = between
    session._evaluate = lambda: None  # type: ignore[method-assign]
    session._tell_losses = lambda: None  # type: ignore[method-assign]
    session.run()
    return dict(gpu.waits - before[0])


@pytest.mark.parametrize(
    ("uplink", "where"),
    [
        (link("identity"), set()),
        (link({"kind": "topk", "rate": 0.1}, FADING), set()),
        (link({"kind": "randtopk", "rate": 0.1}), set()),
        (link({"kind": "quantise", "format": "bf16"}), set()),
        (link({"kind": "evit", "xi": 0.3}), set()),
        (link({"kind": "tome", "xi": 0.3}), set()),
        (link({"kind": "c3sl", "R": 4}), set()),
        (ADC, {"adc.py:_scores_and_keys: _local_scalar_dense", "kmeans.py:kmeans: tolist"}),
    ],
    ids=lambda value: value["codec"] if isinstance(value, dict) and isinstance(value["codec"], str) else None,
)
def test_a_step_waits_where_values_decide_and_nowhere_else(uplink: dict[str, Any], where: set[str], make: Any) -> None:
    with pretended_gpu() as gpu:
        session, _heard = begun(small(make, "cuda", uplink=uplink), timing_only=False, trace=False)
        assert set(waits(session, gpu)) == where
