"""Whole runs in which something fails: the same with tensors and without, and as the clock and the battery say."""

import math
from pathlib import Path

import pytest

from edgesim.errors import NotFoundError, ScenarioError
from edgesim.load import load
from edgesim.record import tables
from edgesim.rows import Fault
from edgesim.runner import run
from edgesim.session import Session

CLIENTS = [{"count": 2, "device": "raspberry_pi_4"}, {"device": "jetson_nano"}]
FAULTS = [
    {"kind": "crash", "mean_up_s": 1.5, "mean_down_s": 0.4},
    {"kind": "outage", "direction": "up", "mean_up_s": 0.5, "mean_down_s": 0.05},
    {"kind": "server_restart", "start_s": 0.2, "length_s": 0.05, "every_s": 0.7},
    {"kind": "battery", "joules": {"kind": "uniform", "low": 12, "high": 20}, "clients": [0]},
]
DROPOUT = [{"kind": "dropout", "probability": 0.25}]
ROUND = {"participants": 2, "local_steps": 2}
PROTOCOLS = {
    "vanilla": {},
    "ushaped": {},
    "sequential": {"local_steps": 2, "hand_over": "server"},
    "parallel": {"sync_every": 2, "deadline_s": 0.3},
    "splitfed_v1": ROUND | {"deadline_s": 1.2},
    "splitfed_v2": ROUND,
    "fedavg": ROUND | {"deadline_s": 0.9},
}
EXTRA = ["loss", "uplink_error", "gradient_norm", "downlink_error", "cut_gradient_norm"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_books_agree_whatever_fails(protocol: str, make, tmp_path: Path) -> None:
    alone = protocol in ("vanilla", "ushaped")
    air = {"channel": {"kind": "rayleigh", "snr_db": 8, "coherence_s": 0.02}, "codec": "identity"}
    scenario = make(
        clients={"device": "raspberry_pi_4"} if alone else CLIENTS,
        uplink=air | {"medium": "tdma"},
        downlink=air,
        protocol={"kind": protocol, **PROTOCOLS[protocol]},
        faults=FAULTS if alone else FAULTS + DROPOUT,
        budget={"steps": 12, "joules": 1e9} if alone else {"rounds": 5, "joules": 1e9},
    )
    real, phantom = (run(scenario, out=tmp_path / name, trace=True, timing_only=name == "phantom") for name in ("a", "phantom"))
    assert real.summary["faults"]
    assert real.entries().equals(phantom.entries())
    assert real.transfers().equals(phantom.transfers())
    assert real.steps().drop_columns(EXTRA).equals(phantom.steps().drop_columns(EXTRA))
    assert tables.read(real.path, "faults").equals(tables.read(phantom.path, "faults"))
    for section in ("symbols", "energy_j", "simulated_s", "steps", "rounds", "faults", "stopped_by"):
        assert real.summary[section] == phantom.summary[section]
    assert all(real.summary["checks"].values())


def test_one_faultless_fault_changes_nothing(make, tmp_path: Path) -> None:
    """The machinery that could cut work short, with nothing to cut: the tables are those without it."""
    common = {"clients": CLIENTS, "protocol": {"kind": "splitfed_v2", **ROUND}, "budget": {"rounds": 3}}
    never = [{"kind": "outage", "start_s": 1e6, "length_s": 1}, {"kind": "battery", "joules": 1e9}]
    plain, armed = (
        run(make(**common, faults=faults), out=tmp_path / name, timing_only=True) for name, faults in (("p", []), ("a", never))
    )
    assert plain.transfers().equals(armed.transfers())
    assert plain.steps().drop_columns(EXTRA).equals(armed.steps().drop_columns(EXTRA))
    assert armed.summary["faults"] == {}


def test_a_run_ends_when_nobody_is_left(make) -> None:
    """The device draws 1.5 J or more a step; the battery of the only client is empty before the budget is."""
    session = Session(make(faults=[{"kind": "battery", "joules": 5}], budget={"steps": 1000}), timing_only=True)
    session.run()
    summary = session.summary("done")
    assert summary["stopped_by"] == "no_clients"
    assert 0 < summary["steps"] < 1000
    assert summary["energy_j"]["by_actor"]["client0"] == pytest.approx(5.0, abs=1e-7)
    assert summary["faults"] == {"battery": 1}


def test_clients_come_and_go_by_a_file(make, tmp_path: Path) -> None:
    (tmp_path / "there.csv").write_text("client,from_s,to_s\n0,5,7\n0,10,inf\n1,0,1\n")
    rows: list[Fault] = []
    faults = [{"kind": "availability", "trace_file": "there.csv"}]
    parallel = {"protocol": "parallel", "clients": {"count": 3, "device": "raspberry_pi_4"}}
    session = Session(make(**parallel, faults=faults, budget={"simulated_s": 12}), timing_only=True)
    session.world.presence.hear = rows.append
    starts: list[tuple[int, float]] = []
    session.world.ledger.listen(None, lambda row: starts.append((row.client, row.start_s)))
    session.run()
    there = {0: [(5.0, 7.0), (10.0, 12.0)], 1: [(0.0, 1.0)], 2: []}
    assert all(any(begin <= start < end for begin, end in there[client]) for client, start in starts)
    assert {client for client, _start in starts} == {0, 1}
    assert Fault(0.0, 2, "availability", math.inf) in rows
    assert Fault(7.0, 0, "availability", 10.0) in rows


def test_a_deadline_leaves_out_who_is_slow(make) -> None:
    """A device a hundred times slower never makes it, and costs the round no more than the deadline."""
    slow = {"device": "raspberry_pi_4", "vary": {"device": {"rate_factor": {"kind": "constant", "value": 0.01}}}}
    rows = []
    session = Session(
        make(
            clients=[{"count": 2, "device": "raspberry_pi_4"}, slow],
            protocol={"kind": "splitfed_v2", "local_steps": 1, "deadline_s": 0.7},
            budget={"rounds": 3},
        ),
        timing_only=True,
    )
    session.world.hear_round = rows.append
    session.run()
    assert [(row.clients, row.finished, row.late, row.failed) for row in rows] == [(3, 2, 1, 0)] * 3
    assert rows[0].end_s == pytest.approx(0.7, abs=0.01)  # and the averaging
    assert session.summary("done")["faults"] == {"late": 3}


def test_who_is_carried_over_joins_a_later_average(make) -> None:
    """A device five hundred times slower needs several rounds; it is not chosen meanwhile, and then arrives."""
    slow = {"device": "raspberry_pi_4", "vary": {"device": {"rate_factor": {"kind": "constant", "value": 0.002}}}}
    rows, averaged = [], []
    session = Session(
        make(
            clients=[{"count": 2, "device": "raspberry_pi_4"}, slow],
            protocol={"kind": "fedavg", "local_steps": 1, "deadline_s": 0.9, "late": "carry"},
            budget={"rounds": 12},
        ),
        timing_only=True,
    )
    world = session.world
    world.hear_round = rows.append
    average = world.average
    world.average = lambda messages, weights: averaged.append(len(messages)) or average(messages, weights)
    session.run()
    summary = session.summary("done")
    assert {(row.clients, row.finished, row.late) for row in rows} == {(3, 2, 1), (2, 2, 0)}
    late = sum(row.late for row in rows)
    assert late > 1  # it was chosen again
    assert averaged.count(3) == late - len(world.presence.late)
    assert all(summary["checks"].values())


def test_a_trace_file_that_is_missing_or_wrong_is_named(make, tmp_path: Path) -> None:
    missing = make(faults=[{"kind": "crash", "trace_file": "nowhere.csv"}])
    with pytest.raises(NotFoundError, match=r"small.yaml:\d+:\d+: .*nowhere.csv: No such file"):
        Session(missing, timing_only=True)
    (tmp_path / "wrong.csv").write_text("client,from_s,to_s\n0,1,2\n0,3,3\n")
    with pytest.raises(ScenarioError, match=r"wrong.csv:3: need client >= 0 and 0 <= from_s < to_s"):
        Session(make(faults=[{"kind": "availability", "trace_file": "wrong.csv"}]), timing_only=True)


def test_a_scenario_with_faults_reads_back_as_it_is(make, tmp_path: Path) -> None:
    scenario = make(clients=CLIENTS, protocol="parallel", faults=FAULTS + DROPOUT)
    path = tmp_path / "resolved.yaml"
    path.write_text(scenario.resolved_yaml())
    assert load(path).digest == scenario.digest
