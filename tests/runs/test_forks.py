"""A fork goes on from the state of another run under what may change, and says what does not fit."""

from copy import deepcopy
from typing import Any

import pytest

from edgesim.errors import UsageError
from edgesim.session import Session
from tests.runs.test_resume_state import FEEDBACK, MANY, SMALL_BATCH, TOPK, links, of


def stood(scenario: Any, **how: Any) -> dict[str, Any]:
    session = Session(scenario, **how)
    session.run()
    return session.state()


def test_a_fork_goes_on_under_other_limits_rates_and_air(make: Any) -> None:
    state = stood(make(**links(FEEDBACK), budget={"steps": 3}))
    fork = Session(
        make(
            **links(FEEDBACK, channel={"kind": "awgn", "snr_db": 3}, transport={"kind": "lossy"}, medium="tdma"),
            budget={"steps": 5},
            optimiser={"kind": "adam", "lr": 1e-4},
        )
    )
    fork.restore(state)
    fork.run()
    summary = fork.summary("done")
    assert summary["steps"] == 5
    assert all(summary["checks"].values())


@pytest.mark.parametrize("timing_only", [True, False])
def test_a_fork_over_other_codecs_adds_up(timing_only: bool, make: Any, cut_at: Any) -> None:
    """What was sent through the codecs before is no fault of those after; nor is it when the fork is resumed in its turn."""
    state = stood(make(**links(TOPK), budget={"steps": 3}), timing_only=timing_only)
    fork = make(**links(of("c3sl"), of("quantise")), budget={"steps": 6})
    first = Session(fork, timing_only=timing_only)
    first.restore(state)
    kept: list[dict[str, Any]] = []
    first.between = lambda: kept.append(first.state() if timing_only else deepcopy(first.state()))
    first.run()
    summary = first.summary("done")
    assert all(summary["checks"].values()), summary["checks"]
    assert summary["bits"]["up"]["model"] == 64, "the keys are told when the codec that needs them comes"
    second = Session(fork, timing_only=timing_only)
    second.restore(kept[0])
    second.run()
    assert second.summary("done") | {"wall_s": 0} == summary | {"wall_s": 0}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"model": {"kind": "vit", "name": "tiny_digits", "cut": 1}}, "model: .* in the checkpoint only"),
        ({"optimiser": {"kind": "sgd", "lr": 0.1}}, "optimiser: it is SGD, and the checkpoint holds what Adam remembers"),
        (
            {"clients": {"count": 2, "device": "raspberry_pi_4"}, "protocol": "parallel"},
            "it is parallel, and .* in vanilla",
        ),
        ({"data": SMALL_BATCH}, "data.batch_size and model.cut: Base sends"),
        ({"clients": {"device": "jetson_nano"}}, "client0: it draws another power"),
        (links("identity"), "uplink.codec: .*residual|uplink.codec: _extra_state is in the checkpoint only"),
    ],
)
def test_a_fork_says_what_does_not_fit(changed: dict[str, Any], said: str, make: Any) -> None:
    state = stood(make(**links(FEEDBACK), budget={"steps": 2}))
    fork = Session(make(**(links(FEEDBACK) | changed), budget={"steps": 4}))
    with pytest.raises(UsageError, match=said):
        fork.restore(state)


def test_another_number_of_clients_does_not_fit(make: Any) -> None:
    state = stood(make(clients=MANY, protocol="parallel", budget={"rounds": 1}), timing_only=True)
    fork = Session(make(clients=MANY | {"count": 4}, protocol="parallel", budget={"rounds": 2}), timing_only=True)
    with pytest.raises(UsageError, match="clients: there are 4, and the checkpoint has 3"):
        fork.restore(state)


def test_tensors_are_not_made_of_timing(make: Any) -> None:
    state = stood(make(budget={"steps": 1}), timing_only=True)
    with pytest.raises(UsageError, match="no tensors"):
        Session(make(budget={"steps": 1})).restore(state)
