"""A second look at the test set with the codec on: what a run with the codec on sees, and nothing else changes."""

from pathlib import Path
from typing import Any

import pytest

from edgesim.runner import run

from .conftest import link

CODECS: dict[str, Any] = {
    "adc": {"kind": "adc", "xi": 0.3},
    "randtopk": {"kind": "randtopk", "rate": 0.1},
    "remembers its residual": {"kind": "feedback", "codec": {"kind": "topk", "rate": 0.1}},
    "remembers entropies": {"kind": "slacc", "xi": 0.2},
    "learns": {"kind": "bottlenet", "xi": 0.25},
}


@pytest.mark.parametrize("name", CODECS)
def test_both_looks_are_those_of_runs_with_one(name: str, make, tmp_path: Path) -> None:
    def done(**looks: bool) -> Any:
        evaluate = {"every_epochs": 0.5} | looks
        scenario = make(uplink=link(CODECS[name]), evaluate=evaluate, data={"kind": "digits", "batch_size": 32})
        return run(scenario, out=tmp_path / "-".join(looks))

    off, on, both = done(codec=False), done(codec=True), done(codec_too=True)
    first, second = both.evaluations()["accuracy"].to_pylist(), both.evaluations()["accuracy_codec"].to_pylist()
    assert first == off.evaluations()["accuracy"].to_pylist()
    assert second == on.evaluations()["accuracy"].to_pylist()
    assert both.summary["accuracy_codec"] == second[-1]
    assert both.summary["bits"] == off.summary["bits"]
    assert both.steps().equals(off.steps())  # losses and gradient norms included
    assert off.summary["accuracy_codec"] is None
    again = done(codec=True, codec_too=True)
    assert again.evaluations()["accuracy_codec"].to_pylist() == second


def test_a_model_that_is_not_cut_has_no_codec_to_look_through(make, tmp_path: Path) -> None:
    done = run(make(protocol="fedavg", budget={"rounds": 1}, evaluate={"codec_too": True}), out=tmp_path)
    assert done.summary["accuracy"] is not None
    assert done.summary["accuracy_codec"] is None
