"""What a summary says, worked out by hand; and that each of its checks can fail."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgesim import summary as summaries
from edgesim.load import load
from edgesim.rows import Block, Step
from edgesim.session import Session
from edgesim.summary import StepTotals

SAMPLES, TOKENS, WIDTH, CLASSES = 16, 17, 48, 10
SMALL: dict[str, Any] = {
    "seed": 3,
    "model": {"kind": "vit", "name": "tiny_digits", "cut": 2},
    "data": {
        "kind": "synthetic", "train": 96, "test": 40, "classes": CLASSES, "image_size": 8, "channels": 1, "batch_size": SAMPLES,
    },
    "clients": {"count": 1, "device": "raspberry_pi_4"},
    "server": {"device": "edge_server_cpu"},
    "uplink": {"codec": "identity", "channel": "ideal", "radio": {"bandwidth_hz": 1e6}},
    "downlink": {"codec": "identity", "channel": "ideal", "radio": {"bandwidth_hz": 1e6}},
    "protocol": {"kind": "vanilla"},
    "optimiser": {"kind": "adam", "lr": 1e-3},
    "budget": {"steps": 3},
}  # fmt: skip


def done(folder: Path, **sections: Any) -> Session:
    """A timing-only run that has ended, sections of SMALL changed."""
    path = folder / "small.yaml"
    path.write_text(json.dumps(SMALL | {name: SMALL[name] | section for name, section in sections.items()}))
    session = Session(load(path), timing_only=True)
    session.run()
    return session


# -- a run by hand ------------------------------------------------------------------------------------------------------

BLOCK = 2 * TOKENS * WIDTH * (4 * WIDTH + 2 * 2 * WIDTH) + 4 * TOKENS**2 * WIDTH  # the MLP has twice the width
EMBEDDING = 2 * (TOKENS - 1) * 2**2 * WIDTH
HEAD = 2 * WIDTH * CLASSES
PI, EPYC = 57.6e9 * 0.35, 1.536e12 * 0.5  # FLOP/s that they sustain
FORWARD_S = SAMPLES * (EMBEDDING + 2 * BLOCK) / PI
BACKWARD_S = SAMPLES * (EMBEDDING + 2 * 2 * BLOCK) / PI  # no gradient of the pictures
SERVER_S = SAMPLES * 3 * (2 * BLOCK + HEAD) / EPYC
VALUES = SAMPLES * TOKENS * WIDTH
UP_BITS, DOWN_BITS = VALUES * 32 + SAMPLES * 4, VALUES * 32  # one of ten classes is four bits
UP_S, DOWN_S = UP_BITS / 6e6, DOWN_BITS / 6e6
STEP_S = FORWARD_S + UP_S + SERVER_S + DOWN_S + BACKWARD_S


def test_three_steps_by_hand(tmp_path: Path) -> None:
    """From the sizes of the model and the numbers of the profiles to seconds, joules, symbols and bits."""
    found = done(tmp_path).summary("done")
    assert (found["steps"], found["epochs"], found["stopped_by"]) == (3, 0.5, "steps")
    assert found["simulated_s"] == pytest.approx(3 * STEP_S, rel=1e-12)
    latency = found["latency_s"]
    assert [latency[name] for name in ("step_mean", "step_p50", "step_p95")] == pytest.approx([STEP_S] * 3, rel=1e-9)
    phases = {"forward": FORWARD_S, "uplink": UP_S, "server": SERVER_S, "downlink": DOWN_S, "backward": BACKWARD_S}
    assert latency["by_phase"] == pytest.approx({"encode": 0.0, "wait": 0.0} | phases, rel=1e-12)
    pi, box = 2.7 + 0.819, 60.0 + 4.8  # W whatever they do: idle computer, idle radio
    client = pi * STEP_S + (7.2 - 2.7) * (FORWARD_S + BACKWARD_S) + (1.14 - 0.819) * UP_S + (0.939 - 0.819) * DOWN_S
    server = box * STEP_S + (155.0 - 60.0) * SERVER_S + (5.2 - 4.8) * DOWN_S  # it receives for nothing
    energy = found["energy_j"]
    assert energy["by_actor"] == pytest.approx({"client0": 3 * client, "server": 3 * server}, rel=1e-12)
    assert energy["total"] == pytest.approx(3 * (client + server), rel=1e-12)
    phases = {
        "forward": (pi + 4.5) * FORWARD_S,
        "uplink": (2.7 + 1.14 + box) * UP_S,
        "server": (box + 95.0) * SERVER_S,
        "downlink": (2.7 + 0.939 + box + 0.4) * DOWN_S,
        "backward": (pi + 4.5) * BACKWARD_S,
        "idle": pi * SERVER_S + box * (FORWARD_S + BACKWARD_S),
    }
    assert energy["by_phase"] == pytest.approx({name: 3 * joules for name, joules in phases.items()}, rel=1e-9)
    none = {"side": 0, "model": 0, "overhead": 0}
    assert found["bits"]["up"] == none | {"values": 3 * VALUES * 32, "labels": 3 * 64, "total": 3 * UP_BITS}
    assert found["bits"]["down"] == none | {"values": 3 * VALUES * 32, "labels": 0, "total": 3 * DOWN_BITS}
    assert found["symbols"] == {"up": 3 * -(-UP_BITS // 6), "down": 3 * -(-DOWN_BITS // 6)}
    assert found["link"]["packets"] == 3 * (-(-UP_BITS // 12_000) + -(-DOWN_BITS // 12_000))
    assert found["link"]["transfers"] == 6
    assert found["budget"]["spent"]["bits"] == pytest.approx(3 * (2 * VALUES * 32 + SAMPLES * np.log2(CLASSES)), rel=1e-12)


def test_ratios_are_of_what_was_sent_over_base(tmp_path: Path) -> None:
    """Eight bits a value and a range of two floats up, Base down; labels count on both sides."""
    found = done(tmp_path, uplink={"codec": {"kind": "quantise", "bits": 8, "per": "tensor"}}, budget={"steps": 2}).summary(
        "done"
    )
    labels = SAMPLES * np.log2(CLASSES)
    up = (VALUES * 8 + 64 + SAMPLES * 4) / UP_BITS
    assert found["xi"]["wire"] == pytest.approx({"up": up, "down": 1.0, "mean": (up + 1.0) / 2.0}, rel=1e-12)
    assert found["xi_base_bits"] == {
        "up": {"paper": pytest.approx(VALUES * 32 + labels), "code": pytest.approx(VALUES * 32 + labels), "wire": UP_BITS},
        "down": {"paper": DOWN_BITS, "code": DOWN_BITS, "wire": DOWN_BITS},
    }
    charged = found["budget"]["spent"]["bits"] - 2 * DOWN_BITS  # by the paper's ledger, up
    assert found["xi"]["paper"]["up"] == pytest.approx(charged / (2 * (VALUES * 32 + labels)), rel=1e-12)


def test_the_mean_snr_is_linear_and_over_the_time_on_air(tmp_path: Path) -> None:
    """10 dB carry log2(11) bits a symbol, 20 dB log2(101)."""
    air = [
        {"channel": {"kind": "awgn", "snr_db": snr_db}, "radio": {"bandwidth_hz": 1e6, "max_bits_per_symbol": 16}}
        for snr_db in (10, 20)
    ]
    found = done(tmp_path, uplink=air[0], downlink=air[1]).summary("done")
    up_s, down_s = UP_BITS / np.log2(11.0), DOWN_BITS / np.log2(101.0)
    assert found["link"]["snr_db_mean"] == pytest.approx(10 * np.log10((10 * up_s + 100 * down_s) / (up_s + down_s)), rel=1e-9)


def test_of_many_clients_the_energy_is_one_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = done(tmp_path, clients={"count": 3}, protocol={"kind": "parallel"}, budget={"steps": 6})
    named = session.summary("done")["energy_j"]
    assert set(named["by_actor"]) == {"client0", "client1", "client2", "server"}
    monkeypatch.setattr(summaries, "MOST_NAMED", 2)
    together = session.summary("done")["energy_j"]
    clients = sum(joules for actor, joules in named["by_actor"].items() if actor != "server")
    assert together["by_actor"] == pytest.approx({"clients": clients, "server": named["by_actor"]["server"]}, rel=1e-12)
    assert together["total"] == pytest.approx(named["total"], rel=1e-12)


def test_each_client_has_its_own_bits_and_joules(tmp_path: Path) -> None:
    """One of three takes part in each of two rounds: whoever did none has sent nothing and drew only what it idles."""
    session = done(
        tmp_path, clients={"count": 3}, protocol={"kind": "parallel", "participants": 1, "sync_every": 9}, budget={"steps": 2}
    )
    joules = session.summary("done")["energy_j"]["by_actor"]
    rows = session.clients()
    assert [row.client for row in rows] == [0, 1, 2]
    assert [row.samples for row in rows] == [32] * 3
    assert (sum(row.steps for row in rows), min(row.steps for row in rows)) == (2, 0)
    busy_s = FORWARD_S + BACKWARD_S
    for row in rows:
        assert (row.bits_up, row.bits_down) == (row.steps * UP_BITS, row.steps * DOWN_BITS)
        own = row.steps * (4.5 * busy_s + (1.14 - 0.819) * UP_S + (0.939 - 0.819) * DOWN_S)
        assert row.joules == pytest.approx((2.7 + 0.819) * 2 * STEP_S + own, rel=1e-9) == joules[f"client{row.client}"]


# -- its checks ---------------------------------------------------------------------------------------------------------


def idler(session: Session) -> None:
    session._totals.add(Step(4, 0, 1, 1.0, 2.0, 0.5, 0.0, 0.0, 0.25, 0.0, 0.0, 0.2499, 0.0, 0.0))  # 0.1 ms in no phase


def more_drawn(session: Session) -> None:
    session.world.ledger.meters[0].activity_joules += 1e-6


def shorter_day(session: Session) -> None:
    session.world.ledger.meters[1].opened -= 1e-6
    session.world.ledger.meters[1].activity_joules -= 1e-6 * session.world.ledger.meters[1].base_w


def sent(session: Session, **counts: float) -> None:
    """So much more in the uplink's books: by role, or `booked` under the label of activations."""
    up = session.world.ledger.traffic.by_direction["up"]
    for name, bits in counts.items():
        if name == "booked":
            up.by_label["smashed"][1] += bits
        elif name == "client":
            up.by_client[0] += bits
        else:
            setattr(up, name, getattr(up, name) + bits)


def lost_in_queue(session: Session, medium: int) -> None:
    session.world.ledger.mediums[medium].census.inside += 1


def overspent(session: Session) -> None:
    session.world.budget = replace(session.world.budget, steps=session.world.steps * (1.0 - 1e-9))


WRONGS: dict[str, tuple[str, Callable[[Session], None]]] = {
    "a step with time in no phase": ("phases_tile", idler),
    "a device with time in no phase": ("phases_tile", shorter_day),
    "a joule that nobody drew": ("energy_adds_up", more_drawn),
    "a bit more than announced": ("bits_match", lambda session: sent(session, values=1, offered=1, client=1, booked=1)),
    "a bit less than announced": ("bits_match", lambda session: sent(session, values=-1, offered=-1, client=-1, booked=-1)),
    "a bit under no label": ("bits_match", lambda session: sent(session, values=1, offered=1, client=1)),
    "a bit of no client": ("bits_match", lambda session: sent(session, overhead=1)),
    "a message that vanished": ("conserved", lambda session: sent(session, offered=1)),
    "somebody who never left the uplink": ("littles_law", lambda session: lost_in_queue(session, 0)),
    "somebody who never left the downlink": ("littles_law", lambda session: lost_in_queue(session, 1)),
    "a step too many": ("budget_kept", overspent),
}


@pytest.mark.parametrize("wrong", WRONGS)
def test_each_check_fails_for_what_it_is_there_for_and_no_other_does(wrong: str, tmp_path: Path) -> None:
    session = done(
        tmp_path,
        uplink={"medium": "tdma"},
        downlink={"medium": "tdma"},
        clients={"count": 2},
        protocol={"kind": "parallel"},
        budget={"steps": 3, "joules": 1e9},
    )
    assert all(session.summary("done")["checks"].values())
    check, spoil = WRONGS[wrong]
    spoil(session)
    assert [name for name, holds in session.summary("done")["checks"].items() if not holds] == [check]


# -- its steps ----------------------------------------------------------------------------------------------------------


def step(number: int, lasted: float, loose: float = 0.0) -> Step:
    """A step of so many seconds, a quarter of it uplink and the rest forward, but for what is loose."""
    return Step(number, 0, 1, 10.0, 10.0 + lasted, 0.75 * lasted - loose, 0.0, 0.0, 0.25 * lasted, 0.0, 0.0, 0.0, 0.0, 0.0)


def test_steps_of_one_to_a_hundred_seconds() -> None:
    totals = StepTotals()
    for number in range(100, 0, -1):
        totals.add(step(number, float(number)))
    found = totals.latency()
    assert (found["step_mean"], found["step_p50"], found["step_p95"]) == pytest.approx((50.5, 50.5, 95.05), rel=1e-12)
    assert found["by_phase"]["forward"] == pytest.approx(0.75 * 50.5, rel=1e-12)
    assert found["by_phase"]["uplink"] == pytest.approx(0.25 * 50.5, rel=1e-12)
    assert totals.tiled


@pytest.mark.parametrize(("loose", "tiled"), [(0.0, True), (2e-10, True), (1e-8, False), (-1e-8, False)])
def test_one_step_with_time_in_no_phase_spoils_all(loose: float, tiled: bool) -> None:
    totals = StepTotals()
    for row in (step(1, 1.0), step(2, 2.0, loose), step(3, 3.0)):
        totals.add(row)
    assert totals.tiled is tiled


@pytest.mark.parametrize("most", [9, 18, 20])
def test_when_steps_are_added_up_changes_nothing(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One by one, many at once, or the rest after a restart; nine numbers a step wait until they are `most`."""
    rows = [step(number, 0.1 * number) for number in range(1, 12)]
    plain = StepTotals()
    for row in rows:
        plain.add(row)
    monkeypatch.setattr(summaries, "MOST_WAITING", most)
    single, many, second = StepTotals(), StepTotals(), StepTotals()
    for row in rows:
        single.add(row)
    for part in (rows[:1], rows[1:9], rows[9:]):
        many.extend(Block(tuple(np.array(column) for column in zip(*part, strict=True)), len(part)))
    second.restore(many.state())
    wanted = plain.latency()
    for totals in (single, many, second):
        found = totals.latency()
        assert found.pop("by_phase") == pytest.approx(wanted["by_phase"], rel=1e-12)
        assert found == {name: value for name, value in wanted.items() if name != "by_phase"}


def test_a_run_without_steps_has_no_latency() -> None:
    found = StepTotals().latency()
    assert (found["step_mean"], found["step_p50"], found["step_p95"]) == (None, None, None)
    assert set(found["by_phase"].values()) == {0.0}
