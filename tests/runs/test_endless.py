"""Faults and fades under which nothing can ever be done: the run ends, soon, with a reason."""

import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest

from edgesim.errors import EdgesimError
from edgesim.session import Session
from tests.runs.conftest import link

HANG_S = 120

SERVER = {"device": "raspberry_pi_4"}  # slow: a step takes longer than it is ever up
NOTHING: dict[str, tuple[dict[str, Any], str]] = {
    "a server that is up for a millisecond at a time": (
        {"server": SERVER, "faults": [{"kind": "server_restart", "start_s": 0, "length_s": 1, "every_s": 1.001}]},
        "was stopped 10000 times before it had computed for",
    ),
    "outages without a gap": (
        {
            "faults": [
                {"kind": "outage", "start_s": 0, "length_s": 0.6, "every_s": 1},
                {"kind": "outage", "start_s": 0.5, "length_s": 0.6, "every_s": 1},
            ]
        },
        "outages leave a link no gap",
    ),
    "devices that are up for a tenth of a millisecond": (
        {"faults": [{"kind": "crash", "mean_up_s": 1e-4, "mean_down_s": 10}]},
        "no step was finished in 2000 attempts",
    ),
    "a deadline of a microsecond": (
        {
            "protocol": {"kind": "splitfed_v1", "deadline_s": 1e-6},
            "clients": {"count": 2, "device": "raspberry_pi_4"},
        },
        "no step was finished in 2000 attempts",
    ),
    "batteries that are empty at once": ({"faults": [{"kind": "battery", "joules": 1e-30}]}, "no_clients"),
}


@pytest.fixture(autouse=True)
def no_hang() -> Iterator[None]:
    def fail(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"still running after {HANG_S} s")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(HANG_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def outcome(sections: dict[str, Any], make: Any, *, timing_only: bool = False) -> str:
    """Why the run ended: what it says, or the reason in its summary."""
    try:
        session = Session(make(**sections), timing_only=timing_only)
        session.run()
    except EdgesimError as error:
        return str(error)
    summary = session.summary("done")
    assert all(summary["checks"].values())
    return str(summary["stopped_by"])


@pytest.mark.parametrize("name", NOTHING)
@pytest.mark.parametrize("budget", [{"steps": 3}, {"rounds": 3}, {"simulated_s": 60}], ids=str)
def test_where_nothing_can_be_done_the_run_says_so(name: str, budget: dict[str, Any], make) -> None:
    sections, reason = NOTHING[name]
    said = outcome({"protocol": "parallel", "budget": budget} | sections, make, timing_only=True)
    assert reason in said or said in budget or "the budget is smaller than one" in said
    assert "\n" not in said


FADES = [
    pytest.param({"kind": "rayleigh", "snr_db": -300, "coherence_s": 0.01}, marks=pytest.mark.slow, id="rayleigh"),
    pytest.param({"kind": "awgn", "snr_db": -300}, id="awgn"),
]
TRANSPORTS = ["reliable", {"kind": "reliable", "attempts": 2}, {"kind": "lossy", "attempts": 2}, "bits", "analog"]
TRANSPORTS += [{"kind": "analog", "equaliser": "zf"}, {"kind": "analog", "inversion_db": -10}]


@pytest.mark.parametrize("transport", TRANSPORTS, ids=str)
@pytest.mark.parametrize("channel", FADES)
@pytest.mark.parametrize("rate", [{}, {"bits_per_symbol": 2.0}], ids=["adaptive", "fixed"])
def test_a_link_that_carries_nothing_ends_the_run_or_is_borne(channel: Any, transport: Any, rate: Any, make) -> None:
    air = link("identity", channel, transport, **rate)
    said = outcome({"uplink": air, "downlink": air, "budget": {"steps": 2}, "non_finite": "guard"}, make)
    assert "\n" not in said
