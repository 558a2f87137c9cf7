"""802.11 against Bianchi's model, and what collisions and losses cost.

Source: G. Bianchi, Performance Analysis of the IEEE 802.11 Distributed Coordination Function, IEEE JSAC 18(3), 2000, equations
7, 9 and 13; the formulas stand in phy.md 13.
"""

from functools import partial

import numpy as np
import pytest
import simpy
from scipy.optimize import brentq

from channels import Ideal
from edgesim.errors import RunError
from edgesim.rows import Transfer
from edgesim.sim.account import Account
from edgesim.sim.device import Device
from edgesim.sim.discipline import Clock, Job, Load
from edgesim.sim.foresight import Share
from edgesim.sim.ledger import Charge, Ledger
from edgesim.sim.link import Link
from edgesim.sim.mediums.csma import Contention, Csma, Rules
from edgesim.sim.meter import Meter
from edgesim.sim.packets import Chance
from edgesim.sim.radio import Radio
from edgesim.sim.transports.base import Transport
from edgesim.sim.transports.bits import Bits
from edgesim.sim.transports.lossy import Lossy
from edgesim.sim.transports.reliable import Reliable
from edgesim.wire import Field, Manifest

from .conftest import RX_W, TX_W, Arrival, City

FRAME_S = 12_000 / 54e6
RULES = Rules(1, 9e-6, 34e-6, 20e-6, 60e-6, 15, 1023, 1000, 1.0)


def saturated(stations: int, rules: Rules = RULES) -> Contention:
    """Everybody always has something to send."""
    course = Contention(rules)
    meter = Meter("server", 1.0, 0.0)
    for number in range(stations):
        load = Load("uplink", number, FRAME_S * 10**9, 10**9, 10**9, Charge(meter, "tx", 1.0), Charge(meter, "rx", 1.0))
        job = Job(load, number, 0.0, Clock(lambda clock, now: 0.0), Clock(lambda clock, now: 0.0))
        course.shares[job] = Share()
        course.add(job, 0.0)
    return course


def bianchi(stations: int, rules: Rules, stages: int) -> float:
    """Share of the time in which payload is on air."""
    window = rules.cw_min + 1

    def tau(collision: float) -> float:
        p = collision
        return 2.0 * (1.0 - 2.0 * p) / ((1.0 - 2.0 * p) * (window + 1) + p * window * (1.0 - (2.0 * p) ** stages))

    p = brentq(lambda p: p - (1.0 - (1.0 - tau(p)) ** (stations - 1)), 0.0, 0.499)
    t = tau(p)
    some = 1.0 - (1.0 - t) ** stations
    one = stations * t * (1.0 - t) ** (stations - 1)
    success_s = rules.preamble_s + FRAME_S + rules.answer_s + rules.difs_s
    collision_s = rules.preamble_s + FRAME_S + rules.difs_s
    return one * FRAME_S / ((1.0 - some) * rules.slot_s + one * success_s + (some - one) * collision_s)


@pytest.mark.parametrize("stations", [2, 5, 10, 20])
def test_saturation_throughput_is_bianchis(stations: int) -> None:
    course = saturated(stations)
    for _ in range(12_000):
        course.event()
    through = sum(station.over for station in course._stations.values())
    assert through * FRAME_S / course.begins() == pytest.approx(bianchi(stations, RULES, stages=6), rel=0.03)


def test_stations_share_the_air_equally() -> None:
    course = saturated(5)
    for _ in range(20_000):
        course.event()
    counts = np.array([station.over for station in course._stations.values()])
    assert counts / counts.sum() == pytest.approx([0.2] * 5, abs=0.02)


def test_one_alone_sends_at_once_and_backs_off_between_its_frames(city: type[City]) -> None:
    """Three frames of 1 ms each: two draws from [0, 15], whose mean over many is 7.5 slots."""
    place = city(lambda ledger: Csma(ledger, "up", 1, 7), 1)
    seen = place.serve([Arrival(float(second), 3e-3, 0, packets=3, sure=3) for second in range(400)])
    least = 3 * (20e-6 + 1e-3 + 60e-6) + 2 * 34e-6
    waits = np.array([one.stayed_s for one in seen]) - least
    assert waits.min() > -1e-9
    slots = waits / 9e-6 - np.round(waits / 9e-6)
    assert np.abs(slots).max() < 1e-4
    assert waits.mean() / 9e-6 == pytest.approx(15.0, abs=4.5 * (2 * (16**2 - 1) / 12 / 400) ** 0.5)
    assert all(one.load.own_s == pytest.approx(3 * 1.02e-3) for one in seen)
    place.check_the_books(seen)


def test_collisions_are_sent_and_paid_for_by_all_and_heard_once(city: type[City]) -> None:
    """Two that come at the same instant collide; afterwards both get through."""
    place = city(lambda ledger: Csma(ledger, "up", 2, 3, cw_min=63, cw_max=63), 2)
    seen = place.serve([Arrival(1.0, 1e-3, 0), Arrival(1.0, 2e-3, 1)])
    assert [one.load.repeats for one in seen] == [1, 1]
    assert [one.load.own_s for one in seen] == pytest.approx([2 * 1.02e-3, 2 * 2.02e-3])
    heard = 2.02e-3 + 1.02e-3 + 2.02e-3  # the longer of the two frames that collided, then each
    now = place.ledger.now
    assert place.server.joules_until(now) == pytest.approx(10.0 * now + RX_W * heard)
    place.check_the_books(seen)


def test_a_frame_is_given_up_only_where_it_may_be(city: type[City]) -> None:
    """With one slot to choose from, everything collides for ever; nothing is sure but the first packet of the second client."""
    rules = {"cw_min": 0, "cw_max": 0, "retry_limit": 2}
    place = city(lambda ledger: Csma(ledger, "up", 2, 0, **rules), 2)
    seen = place.serve([Arrival(0.0, 2e-3, 0, packets=2, sure=0), Arrival(0.0, 3e-3, 1, packets=3, sure=1)])
    assert seen[0].load.dropped == (0, 1)
    assert seen[0].load.repeats == 4
    assert seen[1].load.dropped == ()
    assert seen[1].load.own_s == pytest.approx(6 * 1.02e-3 + 3 * 1.02e-3)  # six collisions, then alone
    place.check_the_books(seen)


def test_two_who_collide_for_ever_do_not_run_for_ever(city: type[City]) -> None:
    place = city(lambda ledger: Csma(ledger, "up", 2, 0, cw_min=0, cw_max=0), 2)
    with pytest.raises(RunError, match="2 senders collided 65537 times in a row: let cw_min and cw_max of csma be larger"):
        place.serve([Arrival(0.0, 1e-3, client) for client in range(2)])


MODEL = Manifest((Field("model", (50,), 32, "model"),), 0.0, 0.0)


@pytest.mark.parametrize("transport", [Reliable, Lossy, Bits])
def test_a_model_arrives_though_every_packet_is_repeated_and_collides(transport: type[Transport]) -> None:
    """The channel loses the first burst, so more packets are on air than the model has; none of them may be given up."""
    ledger = Ledger()
    server = Device("server", ledger, rate_flops=1.0, idle_w=1.0, active_w=1.0)
    medium = Csma(ledger, "up", 2, 0, cw_min=3, cw_max=7, retry_limit=0)
    chance = Chance(losses=lambda start_s, packets, seconds: np.full(packets, start_s < 1e-9))
    rows: list[Transfer] = []
    ledger.listen(None, rows.append)
    for number in range(2):
        client = Device(f"client{number}", ledger, rate_flops=1.0, idle_w=1.0, active_w=1.0, tx_w=1.0)
        sent = transport(Radio(bandwidth_hz=1e6, packet_bits=100))
        link = Link(ledger, "up", client, server, sent, partial(Ideal().draws, key=0), chance=chance, medium=medium)
        ledger.env.process(link.send("model", MODEL, Account(number)))
    ledger.env.run()
    assert [(row.packets, row.lost_packets, row.delivered) for row in rows] == [(16, 0, True)] * 2
    assert all(row.retransmissions > 16 for row in rows)  # by the channel, and after collisions


def test_messages_of_one_sender_wait_in_line_and_do_not_collide() -> None:
    """The downlink: one station, however many clients it sends to."""
    ledger = Ledger()
    server, clients = ledger.open("server", 0.0), [ledger.open(f"client{number}", 0.0) for number in range(3)]
    medium = Csma(ledger, "down", 3, 1)
    loads = [Load("downlink", n, 1e-3, 1, 1, Charge(server, "tx", TX_W), Charge(clients[n], "rx", RX_W)) for n in range(3)]
    for load in loads:
        ledger.env.process(medium.carry(load, None))
    ledger.env.run()
    ledger.close()
    assert [load.repeats for load in loads] == [0, 0, 0]
    assert server.joules_until(ledger.now) == pytest.approx(TX_W * 3 * 1.02e-3)
    assert all(client.joules_until(ledger.now) == pytest.approx(RX_W * 1.02e-3) for client in clients)


def test_a_rehearsal_meets_the_very_draws_that_the_run_will_meet(city: type[City]) -> None:
    def arrivals(begin: float) -> list[Arrival]:
        return [Arrival(begin + 1e-4 * (client % 2), 5e-3, client, packets=5, sure=5) for client in range(6)]

    real = city(lambda ledger: Csma(ledger, "up", 6, 9), 6)
    first = real.serve(arrivals(0.0))
    scratch = city(lambda ledger: Csma(ledger, "up", 6, 9), 6)
    begin = real.ledger.now + 0.25
    scratch.ledger.restart(real.ledger.now, real.ledger)
    rehearsed, then = scratch.serve(arrivals(begin)), real.serve(arrivals(begin))
    assert [one.stayed_s for one in rehearsed] == [one.stayed_s for one in then]
    assert [one.load.own_s for one in rehearsed] == [one.load.own_s for one in then]
    assert [one.stayed_s for one in first] != pytest.approx([one.stayed_s for one in then])  # other draws than before


def test_who_is_interrupted_in_the_middle_of_a_frame_pays_for_what_was_sent(city: type[City]) -> None:
    place = city(lambda ledger: Csma(ledger, "up", 2, 0), 2)
    ledger = place.ledger

    def victim():
        load = place.load(Arrival(0.0, 5e-3, 0))
        with pytest.raises(simpy.Interrupt):
            yield from place.medium.carry(load, None)
        assert load.own_s == pytest.approx(2e-3)

    process = ledger.env.process(victim())
    ended = []

    def other():
        yield from ledger.spend("forward", 1e-3)
        yield from place.medium.carry(place.load(Arrival(1e-3, 1e-3, 1)), None)
        ended.append(ledger.now)

    def killer():
        yield from ledger.spend("forward", 2e-3)
        process.interrupt()

    ledger.env.process(other())
    ledger.env.process(killer())
    ledger.env.run()
    ledger.close()
    now = ledger.now
    assert len(ended) == 1
    assert ended[0] > 5.02e-3 + 1.02e-3  # the frame that was under way keeps the air busy
    assert place.meters[0].joules_until(now) == pytest.approx(now + TX_W * 2e-3)
    assert all(meter.adds_up(now) for meter in ledger.meters)


@pytest.mark.parametrize(
    "wrong", [{"slot_s": 0.0}, {"cw_min": 31, "cw_max": 15}, {"retry_limit": -1}, {"ack_s": -1.0}, {"longest_s": 0.0}]
)
def test_impossible_rules_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"must|need"):
        Csma(Ledger(), "up", 2, 0, **wrong)
