"""Random scenarios in which random things fail: whatever happens the run ends, and its books are right."""

import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from edgesim import kinds
from edgesim.errors import ScenarioError
from edgesim.rows import Entry, Fault, Round, Step, Transfer
from edgesim.session import Session

ALONE = ("vanilla", "ushaped")
SECONDS = st.sampled_from([0.05, 0.2, 0.7, 2.0])
FAULTS = st.one_of(
    st.fixed_dictionaries({"kind": st.just("crash"), "mean_up_s": SECONDS, "mean_down_s": SECONDS}),
    st.fixed_dictionaries(
        {
            "kind": st.just("outage"),
            "direction": st.sampled_from(["up", "down", "both"]),
            "mean_up_s": SECONDS,
            "mean_down_s": SECONDS,
        }
    ),
    st.fixed_dictionaries(
        {"kind": st.just("server_restart"), "start_s": SECONDS, "length_s": SECONDS, "every_s": st.just(3.0)}
    ),
    st.fixed_dictionaries({"kind": st.just("battery"), "joules": st.sampled_from([0.5, 3.0, 11.0])}),
    st.fixed_dictionaries({"kind": st.just("dropout"), "probability": st.sampled_from([0.1, 0.6])}),
)
KNOBS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "sequential": st.fixed_dictionaries(
        {
            "local_steps": st.integers(1, 2),
            "hand_over": st.sampled_from(["direct", "server"]),
            "fraction": st.sampled_from([0.5, 1.0]),
        }
    ),
    "parallel": st.fixed_dictionaries(
        {"sync_every": st.sampled_from([None, 1, 2]), "deadline_s": st.sampled_from([None, 0.1, 0.5])}
    ),
    **{
        name: st.fixed_dictionaries(
            {
                "local_steps": st.integers(1, 2),
                "fraction": st.sampled_from([0.5, 1.0]),
                "deadline_s": st.sampled_from([0.3, 1.5]),
                "late": st.sampled_from(["drop", "carry"]),
            }
        )
        for name in ("splitfed_v1", "splitfed_v2", "fedavg")
    },
}
MEDIUMS = {
    "round_robin": {"quantum_s": 0.01},
    "proportional_fair": {"slot_s": 0.005},
}


@st.composite
def sections(draw: st.DrawFn) -> dict[str, Any]:
    protocol = draw(st.sampled_from(kinds.names("protocol")))
    knobs = draw(KNOBS.get(protocol, st.just({})))
    medium = draw(st.sampled_from(kinds.names("medium")))
    faults = draw(st.lists(FAULTS, min_size=1, max_size=3))
    clients = draw(st.integers(2, 6))
    air = {"codec": "identity", "channel": {"kind": "rayleigh", "snr_db": 12, "coherence_s": 0.02}}
    limits = (
        {"rounds": 6}
        if knobs.get("late") == "carry"
        else draw(st.sampled_from([{"steps": 15, "simulated_s": 20}, {"simulated_s": 5}]))
    )
    return {
        "seed": draw(st.integers(0, 10_000)),
        "clients": {
            "count": 1 if protocol in ALONE else clients,
            "device": "raspberry_pi_4",
            "half_duplex": draw(st.booleans()),
        },
        "uplink": air | {"radio": {"bandwidth_hz": 3e6}, "medium": {"kind": medium, **MEDIUMS.get(medium, {})}},
        "downlink": air | {"radio": {"bandwidth_hz": 3e6, "latency_s": 0.002}},
        "protocol": {"kind": protocol, **{name: value for name, value in knobs.items() if value is not None}},
        "faults": [fault for fault in faults if not (protocol in ALONE and fault["kind"] == "dropout")],
        "budget": limits,
    }


class Book:
    """Everything that a run tells."""

    def __init__(self, session: Session) -> None:
        self.transfers: list[Transfer] = []
        self.entries: list[Entry] = []
        self.faults: list[Fault] = []
        self.rounds: list[Round] = []
        self.steps: list[Step] = []
        world = session.world
        world.ledger.listen(self.entries.append, self.transfers.append)
        world.presence.hear, world.hear_round = self.faults.append, self.rounds.append
        world.watch = lambda row, _loss: (self.steps.append(row), session._step(row, None))


@pytest.mark.slow
@settings(max_examples=25)
@given(chosen=sections())
def test_whatever_fails_the_run_ends_and_its_books_are_right(make, chosen: dict[str, Any]) -> None:
    try:
        session = Session(make(**chosen), timing_only=True)
    except ScenarioError:  # the first step takes longer than the budget: an outage
        reject()
    book = Book(session)
    session.run()
    summary = session.summary("done")
    assert summary["stopped_by"] in {"no_clients", *chosen["budget"]}
    assert all(summary["checks"].values()), summary["checks"]
    now = session.world.ledger.now
    check_transfers(book.transfers, summary, now)
    check_entries(book.entries, summary, now)
    assert len(book.steps) == summary["steps"]
    assert [row.end_s for row in book.steps] == sorted(row.end_s for row in book.steps)
    assert [row.end_s for row in book.rounds] == sorted(row.end_s for row in book.rounds)
    assert all(row.clients == row.finished + row.late + row.failed and min(row) >= 0 for row in book.rounds)
    assert Counter(row.kind for row in book.faults) == summary["faults"]
    assert all(0.0 <= row.time_s <= now and row.time_s <= row.until_s for row in book.faults)


def check_transfers(rows: list[Transfer], summary: dict[str, Any], now: float) -> None:
    """Every message is delivered whole or books no payload; the columns add up to the totals; nothing goes back in time."""
    for row in rows:
        payload = row.values_bits + row.side_bits + row.labels_bits + row.model_bits
        assert payload > 0 if row.delivered else payload == 0
        assert 0.0 <= row.start_s <= row.end_s <= now
        assert min(row.overhead_bits, row.symbols, row.packets, row.wait_s, row.paper_bits) >= 0
    for direction, total in summary["bits"].items():
        mine = [row for row in rows if row.direction == direction]
        if direction in ("up", "down"):
            assert sum(row.overhead_bits for row in mine) == total["overhead"]
            for role in ("values", "side", "labels", "model"):
                assert sum(getattr(row, f"{role}_bits") for row in mine) == total[role]
            assert sum(row.symbols for row in mine) == summary["symbols"][direction]
    assert sum(not row.delivered for row in rows) == summary["link"]["cut_transfers"]


def check_entries(rows: list[Entry], summary: dict[str, Any], now: float) -> None:
    """The book of each device tiles its time line, and its joules add up to the totals."""
    for actor, joules in summary["energy_j"]["by_actor"].items():
        mine = [row for row in rows if row.actor == actor]
        assert math.isclose(math.fsum(row.joules for row in mine), joules, rel_tol=1e-9, abs_tol=1e-9)
        begins, ends = [0.0, *(row.end_s for row in mine)], [*(row.start_s for row in mine), now]
        assert begins == ends
        assert all(row.joules == 0.0 for row in mine if row.state == "off")
