"""What `plan` says each side holds is what each side trains."""

from typing import Any

import pytest

from edgesim import build
from edgesim.plan import plan
from edgesim.work import ClientHalf, ServerHalf
from tests.runs.conftest import link


def held(half: ClientHalf | ServerHalf) -> int:
    """Numbers in a message with the half's weights; the models and codecs here hold parameters and nothing else."""
    return sum(item.count for item in half.weights().manifest.fields)


@pytest.mark.parametrize(
    "codec",
    [
        "identity",
        {"kind": "bottlenet", "xi": 0.25},
        {"kind": "chain", "stages": [{"kind": "bottlenet", "xi": 0.5}, {"kind": "quantise", "bits": 8}]},
    ],
)
def test_parameters_are_counted_where_they_are(make, codec: Any) -> None:
    scenario = make(uplink=link(codec), budget={"steps": 1})
    split = plan(scenario)["split"]
    cast = build.torch_cast(scenario, build.learning(scenario))
    assert (split["client_parameters"], split["server_parameters"]) == (held(cast.client(0)), held(cast.server))


def test_the_head_of_a_ushaped_run_is_the_clients(make) -> None:
    scenario = make(protocol="ushaped", budget={"steps": 1})
    split, task = plan(scenario)["split"], build.learning(scenario)
    assert split["client_parameters"] == held(build.torch_cast(scenario, task).client(0))
    assert split["client_parameters"] + split["server_parameters"] == sum(task.costs.numbers)
