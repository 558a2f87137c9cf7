"""What `plan` says each side holds is what each side trains."""

import math
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
    found = plan(scenario)
    split = found["split"]
    assert 0.0 < found["wall_s_estimate"] < math.inf
    cast = build.torch_cast(scenario, build.learning(scenario))
    assert (split["client_parameters"], split["server_parameters"]) == (held(cast.client(0)), held(cast.server))


def test_the_head_of_a_ushaped_run_is_the_clients(make) -> None:
    scenario = make(protocol="ushaped", budget={"steps": 1})
    split, task = plan(scenario)["split"], build.learning(scenario)
    assert split["client_parameters"] == held(build.torch_cast(scenario, task).client(0))
    assert split["client_parameters"] + split["server_parameters"] == sum(task.costs.numbers)


@pytest.mark.parametrize("codec", [{"kind": "adc", "xi": 0.25}, {"kind": "lowrank", "xi": 0.25, "bases": "calibration"}])
def test_wall_time_is_estimated_with_codecs_that_look_at_the_data(make, codec: Any) -> None:
    few, many = (plan(make(uplink=link(codec), budget={"steps": steps})) for steps in (1, 4096))
    assert few["wall_s_estimate"] < many["wall_s_estimate"]
