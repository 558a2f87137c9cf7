"""Units done at once give the same tables and the same summary, to the last bit, as the same units event by event."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from edgesim.profiles import read
from edgesim.record import tables
from edgesim.record.folder import RunFolder
from edgesim.record.recorder import Recorder
from edgesim.rows import ClientTotal
from edgesim.runner import run
from edgesim.scenario import Scenario
from edgesim.session import Session
from edgesim.sim.express import Express

ROUND = {"local_steps": 3}
FADING = {"kind": "rayleigh", "snr_db": 8, "coherence_s": 0.02}
AWGN = {"kind": "awgn", "snr_db": 7}
FAST = {"kind": "rayleigh", "coherence_s": 0.02}  # within a link budget
FLEET = [
    {
        "count": 5,
        "device": "phone_mid",
        "radio": "wifi",
        "vary": {"device": {"rate_factor": {"kind": "uniform", "low": 0.5, "high": 2}}},
    },
    {"count": 4, "device": "raspberry_pi_4", "radio": "wifi", "uplink_channel": AWGN, "half_duplex": True},
    {"count": 3, "device": "jetson_nano", "radio": "wifi", "uplink_channel": FADING, "downlink_channel": FADING},
]
ALIKE = [{"count": 12, "device": "raspberry_pi_4", "radio": "wifi"}]
LTE = {"count": 3, "device": "phone_mid", "radio": "lte_phone"}  # with a tail of 11.6 s, and a promotion after that
SLUGGISH = LTE | {"vary": {"device": {"rate_factor": {"kind": "constant", "value": 1e-5}}}}  # asleep before it has computed
DATA = {"kind": "synthetic", "train": 384, "test": 40, "classes": 10, "image_size": 8, "channels": 1, "batch_size": 8}

Books = tuple[dict[str, Any], dict[str, Any], list[ClientTotal]]


def link(**changed: Any) -> dict[str, Any]:
    radio = {"bandwidth_hz": 1e6, "header_bits": 64} | changed.pop("radio", {})
    return {"codec": {"kind": "quantise", "bits": 5}, "channel": AWGN, "radio": radio, "transport": "reliable"} | changed


def books(scenario: Scenario, folder: Path, *, at_once: bool, trace: bool = False) -> Books:
    """Summary, tables and totals of the clients of a timing-only run."""
    with nullcontext() if at_once else mock.patch.object(Express, "_done", return_value=None):
        return _books(Session(scenario, timing_only=True), folder, trace)


def _books(session: Session, folder: Path, trace: bool) -> Books:
    home = RunFolder.create(folder, "one", "0", 0)
    recorder = Recorder(home, trace=trace)
    session.attach(recorder, trace=trace)
    session.run()
    summary = session.summary("done")
    del summary["wall_s"]
    recorder.close()
    return (
        summary,
        {name: columns(tables.read(home.path, name)) for name in ("steps", "transfers", "rounds")},
        session.clients(),
    )


def columns(table: Any) -> dict[str, list[Any]]:
    """What a table holds; None for NaN, which equals nothing."""
    return {name: [None if value != value else value for value in column] for name, column in table.to_pydict().items()}


@pytest.fixture
def booked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many clients each unit had that was done at once."""
    units: list[int] = []
    before = Express._done

    def done(self: Express, unit: Any, results: list[Any]) -> Any:
        process = before(self, unit, results)
        if process is not None:
            units.append(len(results))
        return process

    monkeypatch.setattr(Express, "_done", done)
    return units


CASES: dict[str, dict[str, Any]] = {
    "alike, which tie": {"clients": ALIKE, "uplink": link(channel="ideal"), "downlink": link(channel="ideal")},
    "alike on two cores": {"clients": ALIKE, "server": {"device": "edge_server_cpu", "cores": 2}},
    "a fleet": {"clients": FLEET},
    "delays": {"clients": FLEET, "uplink": link(radio={"latency_s": 0.004}), "downlink": link(radio={"latency_s": 0.001})},
    "shares of the band": {"clients": FLEET, "uplink": link(medium={"kind": "fdma", "power_concentration": True})},
    "places that differ": {
        "clients": ALIKE,
        "uplink": link(channel={"kind": "link_budget", "distance_m": 900, "fading": {"kind": "awgn"}}),
        "downlink": link(channel={"kind": "link_budget", "distance_m": 900, "fading": FAST}),
    },
    "lossy packets": {"clients": FLEET, "uplink": link(channel={"kind": "awgn", "snr_db": 25}, transport="lossy")},
    "values as symbols": {"clients": FLEET, "uplink": link(transport="analog", codec="identity")},
    "radio tails": {"clients": [*FLEET, LTE]},
    "radios that sleep between rounds": {
        "clients": [*FLEET[1:], LTE | {"count": 5}],
        "uplink": link(radio={"bandwidth_hz": 1e4}),
        "protocol": {"participants": 3, "selection": "cycle", "local_steps": 2},
        "budget": {"rounds": 9},
    },
    "few at a time": {"clients": FLEET, "protocol": {"participants": 5, "selection": "random", "local_steps": 2}},
    "rehearsed": {"clients": FLEET, "budget": {"simulated_s": 4.0, "joules": 400.0}},
    "as much as they hold": {
        "clients": FLEET,
        "data": DATA | {"partition": {"kind": "shards", "shards_per_client": 2}},
        "protocol": {"local_epochs": 1, "optimiser": "reset"},
    },
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("protocol", ["splitfed_v1", "splitfed_v2", "fedavg", "parallel"])
def test_the_books_are_the_same_at_once_and_event_by_event(
    protocol: str, case: str, make: Callable[..., Scenario], tmp_path: Path, booked: list[int]
) -> None:
    changed = {"data": DATA, "uplink": link(), "downlink": link(), "budget": {"rounds": 3}} | CASES[case]
    knobs = changed.pop("protocol", ROUND)
    if protocol == "parallel":
        knobs = {"sync_every": 2, "participants": knobs.get("participants", 12)}
    scenario = make(protocol={"kind": protocol, **knobs}, **changed)
    one_by_one = books(scenario, tmp_path / "slow", at_once=False)
    assert not booked
    at_once = books(scenario, tmp_path / "fast", at_once=True)
    assert len(booked) >= one_by_one[0]["rounds"] > 0
    assert at_once == one_by_one
    assert list(at_once[0]["energy_j"]["by_phase"]) == list(one_by_one[0]["energy_j"]["by_phase"])
    assert all(at_once[0]["checks"].values())


@pytest.mark.parametrize(
    "changed",
    [
        {"clients": [SLUGGISH]},
        {"uplink": link(medium="tdma")},
        {"uplink": link(transport={"kind": "reliable", "attempts": 2}, channel={"kind": "erasure", "loss": 0.3})},
        {"faults": [{"kind": "dropout", "probability": 0.2}]},
        {"protocol": {"kind": "splitfed_v2", "deadline_s": 1.0, **ROUND}},
    ],
    ids=["radios that fall asleep", "a shared medium", "repeats", "faults", "a deadline"],
)
def test_what_may_be_disturbed_goes_event_by_event(
    changed: dict[str, Any], make: Callable[..., Scenario], tmp_path: Path, booked: list[int]
) -> None:
    given = {"clients": ALIKE, "data": DATA, "uplink": link(), "downlink": link(), "budget": {"rounds": 2}}
    scenario = make(**given | {"protocol": {"kind": "splitfed_v2", **ROUND}} | changed)
    summary, _tables, _clients = books(scenario, tmp_path / "run", at_once=True)
    assert summary["steps"] > 0
    assert all(summary["checks"].values())
    assert not booked


def test_a_traced_run_goes_event_by_event_to_the_same_tables(
    make: Callable[..., Scenario], tmp_path: Path, booked: list[int]
) -> None:
    scenario = make(clients=FLEET, data=DATA, uplink=link(), protocol={"kind": "splitfed_v2", **ROUND}, budget={"rounds": 2})
    traced = books(scenario, tmp_path / "traced", at_once=True, trace=True)
    assert not booked
    assert books(scenario, tmp_path / "not", at_once=True) == traced
    assert booked


def test_units_at_once_are_those_of_a_run_with_tensors(
    make: Callable[..., Scenario], tmp_path: Path, booked: list[int]
) -> None:
    clients = [{"count": 2, "device": "raspberry_pi_4", "radio": "wifi"}, {"device": "jetson_nano", "radio": "wifi"}]
    budget = {"rounds": 2, "joules": 1e9}  # a limit that is never met, so that every unit is rehearsed
    scenario = make(clients=clients, uplink=link(channel=FADING), protocol={"kind": "splitfed_v1", **ROUND}, budget=budget)
    real = run(scenario, out=tmp_path / "real")
    rehearsed = len(booked)
    phantom = run(scenario, out=tmp_path / "phantom", timing_only=True)
    assert rehearsed >= 2
    assert len(booked) == rehearsed + rehearsed + 2
    assert real.transfers().equals(phantom.transfers())
    timed = ["step", "client", "start_s", "end_s", "wait_s", "energy_j"]
    assert real.steps().select(timed).equals(phantom.steps().select(timed))
    for section in ("symbols", "latency_s", "energy_j", "simulated_s", "steps", "rounds"):
        assert real.summary[section] == phantom.summary[section]


def test_radios_that_slept_connect_once_a_unit(make: Callable[..., Scenario], tmp_path: Path, booked: list[int]) -> None:
    protocol = {"kind": "splitfed_v2", "local_steps": 2}
    scenario = make(clients=[LTE], data=DATA, uplink=link(), downlink=link(), protocol=protocol, budget={"rounds": 2})
    _summary, found, _clients = books(scenario, tmp_path / "run", at_once=True)
    assert booked == [3, 3]
    waited = found["transfers"]["wait_s"]
    promotion_s = read.radio("lte_phone").promotion_s
    assert [wait for wait in waited if wait] == pytest.approx([promotion_s] * 3, rel=1e-12)  # in the first round alone
