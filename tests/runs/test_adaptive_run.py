"""Adaptive runs: deadlines on a fading link, budgets of every sort, many clients, and rehearsals that do what the run does."""

from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest

from edgesim import build
from edgesim.runner import run

CODEC = {"kind": "adaptive", "codec": "adc", "xi_min": 0.02, "xi_max": 0.9}
FADING = {"kind": "rayleigh", "snr_db": 10, "coherence_s": 0.05}
LINK = {"channel": FADING, "radio": {"bandwidth_hz": 2e6}, "transport": "reliable"}
DOWN = LINK | {"codec": "identity"}


def test_the_promised_share_of_steps_is_in_time(make, tmp_path: Path) -> None:
    """The least size is in time 99 times of 100 here, and the mean ratio is far above it."""
    deadline = CODEC | {"policy": "deadline", "step_s": 0.02, "share": 0.8}
    scenario = make(uplink=LINK | {"codec": deadline}, downlink=DOWN, budget={"steps": 400})
    done = run(scenario, out=tmp_path, timing_only=True)
    air = pc.add(done.steps()["uplink_s"], done.steps()["downlink_s"]).to_pylist()
    assert 0.8 <= sum(seconds <= 0.02 for seconds in air) / 400 < 0.85
    assert done.summary["xi"]["paper"]["mean"] > 0.06


@pytest.mark.parametrize(
    "budget",
    [{"bits": 2_000_000}, {"bits": 2_000_000, "ledger": "wire"}, {"simulated_s": 2.0}, {"joules": 90.0}, {"epochs_of_base": 1}],
)
def test_a_budget_lasts_to_within_one_step(budget: dict[str, Any], make, tmp_path: Path) -> None:
    thrifty = CODEC | {"policy": "budget", "steps": 60}
    scenario = make(uplink=LINK | {"codec": thrifty}, downlink=DOWN, budget=budget)
    done = run(scenario, out=tmp_path, timing_only=True)
    assert abs(done.summary["steps"] - 60) <= 1
    assert all(done.summary["checks"].values())


@pytest.mark.parametrize(
    "protocol", ["parallel", {"kind": "splitfed_v1", "local_steps": 2}, {"kind": "sequential", "local_steps": 2}]
)
@pytest.mark.parametrize("policy", [{"policy": "deadline", "step_s": 0.2}, {"policy": "budget", "steps": 9}])
def test_many_clients_choose_each_for_themselves(protocol: Any, policy: dict[str, Any], make, tmp_path: Path) -> None:
    scenario = make(
        uplink=LINK | {"codec": CODEC | policy | {"levels": 4}},
        downlink=DOWN,
        protocol=protocol,
        clients={"count": 3, "device": "raspberry_pi_4"},
        budget={"steps": 12, "simulated_s": 2.0},
    )
    real, phantom = (run(scenario, out=tmp_path / str(only), timing_only=only) for only in (False, True))
    assert real.transfers().equals(phantom.transfers())
    sizes = real.transfers().filter(pc.equal(real.transfers()["label"], "smashed"))
    assert len(set(sizes["values_bits"].to_pylist())) > 1
    assert all(real.summary["checks"].values())


def test_a_step_costs_what_its_rehearsal_said(make) -> None:
    thrifty = CODEC | {"policy": "budget", "steps": 40}
    scenario = make(uplink=LINK | {"codec": thrifty}, downlink=DOWN, budget={"simulated_s": 2.0, "joules": 90.0, "steps": 30})
    task = build.learning(scenario)
    world = build.world(scenario, task)
    while world.affords(task.protocol):
        before, predicted = world.spent, world.unit_cost(task.protocol)
        world.do(task.protocol)
        assert world.spent == pytest.approx(before.plus(predicted), rel=1e-9)
    assert world.steps > 20
