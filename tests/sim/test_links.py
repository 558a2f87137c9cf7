"""A link in a shared medium: what its rows say, what the medium costs it, and radios that do one thing at a time."""

import math
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import simpy

from channels import Ideal
from edgesim.rows import Transfer
from edgesim.sim.account import Account
from edgesim.sim.device import Device
from edgesim.sim.ledger import Ledger
from edgesim.sim.link import Link, aired
from edgesim.sim.mediums.csma import Csma
from edgesim.sim.mediums.dedicated import Dedicated
from edgesim.sim.mediums.tdma import Tdma
from edgesim.sim.radio import Airtime, Radio
from edgesim.sim.transports.lossy import Lossy
from edgesim.sim.transports.reliable import Reliable
from edgesim.wire import Field, Manifest, Payload

UP = Manifest((Field("values", (1000,), 32, "values"), Field("labels", (10,), 4, "labels")), 100.0, 90.0)
AIR_S = 32_040 / 4e4


def device(ledger: Ledger, name: str, half_duplex: bool = False) -> Device:
    return Device(name, ledger, rate_flops=1.0, idle_w=1.0, active_w=1.0, tx_w=2.0, rx_w=0.5, half_duplex=half_duplex)


def radio(**knobs: float) -> Radio:
    return Radio(bandwidth_hz=1e4, max_bits_per_symbol=4.0, **knobs)


class Town:
    """Clients with an uplink each, and a book of what they sent."""

    def __init__(self, clients: int, make, transport=None) -> None:
        self.ledger = Ledger()
        self.rows: list[Transfer] = []
        self.ledger.listen(None, self.rows.append)
        self.server = device(self.ledger, "server")
        medium = make(self.ledger) if make else None
        transport = transport or Reliable(radio())
        fading = partial(Ideal().draws, key=0)
        self.devices = [device(self.ledger, f"client{number}") for number in range(clients)]
        self.links = [Link(self.ledger, "up", one, self.server, transport, fading, medium=medium) for one in self.devices]
        self.accounts = [Account(number) for number in range(clients)]

    def send(self, *numbers: int) -> None:
        for number in numbers:
            self.ledger.env.process(self.links[number].send("smashed", UP, self.accounts[number]))
        self.ledger.env.run()
        self.ledger.close()
        assert all(meter.adds_up(self.ledger.now) and meter.tiles(self.ledger.now) for meter in self.ledger.meters)


def test_a_dedicated_medium_is_no_medium() -> None:
    towns = [Town(3, make) for make in (None, lambda ledger: Dedicated(ledger, "up", 3, 0))]
    for town in towns:
        town.send(0, 1, 2, 1)
    assert towns[0].rows == towns[1].rows
    assert [row.wait_s for row in towns[0].rows] == pytest.approx([0.0, 0.0, 0.0, AIR_S])


def test_rows_and_accounts_tell_air_from_waiting() -> None:
    town = Town(2, lambda ledger: Tdma(ledger, "up", 2, 0))
    town.send(0, 1)
    assert [row.end_s for row in town.rows] == pytest.approx([2 * AIR_S] * 2)
    assert [row.wait_s for row in town.rows] == pytest.approx([AIR_S] * 2)
    assert town.accounts[0].seconds == pytest.approx({"uplink": AIR_S, "wait": AIR_S})
    assert town.devices[0].meter.joules_until(2 * AIR_S) == pytest.approx(2 * AIR_S * 1.0 + 2.0 * AIR_S)


def test_the_own_queue_of_a_link_comes_before_the_medium() -> None:
    town = Town(2, lambda ledger: Tdma(ledger, "up", 2, 0))
    town.send(0, 0, 1)
    first, other, second = sorted(town.rows, key=lambda row: (row.end_s, row.client))
    assert (first.client, other.client, second.client) == (0, 1, 0)
    assert second.start_s == pytest.approx(2 * AIR_S)
    assert second.wait_s == pytest.approx(2 * AIR_S)
    assert second.end_s == pytest.approx(3 * AIR_S)


def test_frames_that_are_sent_again_count_as_overhead_and_channel_uses() -> None:
    """27 packets of 1200 bits and 30 ms, each a frame, sent again when they collide."""
    transport = Reliable(radio(packet_bits=1200))
    alone, crowd = (Town(4, lambda ledger: Csma(ledger, "up", 4, 2, longest_s=1.0), transport) for _ in range(2))
    alone.send(0)
    crowd.send(0, 1, 2, 3)
    [plain] = alone.rows
    assert plain.packets == 27
    assert plain.retransmissions == plain.overhead_bits == 0
    for row in crowd.rows:
        assert row.packets == 27
        assert row.retransmissions > 0
        assert row.overhead_bits == round(row.retransmissions * 32_040 / 27)
        assert row.symbols == plain.symbols + round(row.retransmissions * plain.symbols / 27)
        assert row.wait_s > AIR_S


def test_what_wifi_gives_up_is_missing_from_a_lossy_message() -> None:
    """Labels go first and are protected; the 32 000 bits of values in packets of 4000 bits are not."""
    transport = Lossy(radio(packet_bits=4000))
    airtime = transport.plan(UP, 0.0, partial(Ideal().draws, key=0))
    assert (transport.sure(UP), airtime.packets) == (1, 9)
    erased = transport.without(UP, airtime, np.array([1, 8]))
    assert erased.lost_packets == 2
    assert erased.corrupted_values == 2 * 4000 // 32
    assert np.flatnonzero(erased.erased["values"]).tolist() == [*range(125), *range(875, 1000)]
    both = transport.without(UP, erased, np.array([2]))
    assert both.corrupted_values == 3 * 125
    repeats = transport.without(UP, erased, np.array([9, 20]))
    assert (repeats.lost_packets, repeats.corrupted_values) == (2, 250)
    assert transport.without(UP, both, np.arange(1, 9)).lost_packets == 8


def test_frames_given_up_after_collisions_are_rows_with_lost_packets() -> None:
    """One slot to choose from: the two collide at every try until one has nothing left to send; both protect their labels."""
    rules = {"cw_min": 0, "cw_max": 1, "retry_limit": 1, "longest_s": 1.0}
    town = Town(2, lambda ledger: Csma(ledger, "up", 2, 5, **rules), Lossy(radio(packet_bits=4000)))
    town.send(0, 1)
    lost = [row.lost_packets for row in town.rows]
    assert max(lost) > 0
    assert all(row.lost_packets <= row.packets - row.protected_packets for row in town.rows)
    assert [row.protected_packets for row in town.rows] == [1, 1]
    assert [row.corrupted_values for row in town.rows] == [125 * packets for packets in lost]


def test_a_half_duplex_radio_does_one_thing_at_a_time() -> None:
    ends = {}
    for half_duplex in (False, True):
        ledger = Ledger()
        rows: list[Transfer] = []
        ledger.listen(None, rows.append)
        client, server = device(ledger, "client0", half_duplex), device(ledger, "server")
        links = [
            Link(ledger, "up", client, server, Reliable(radio()), partial(Ideal().draws, key=0)),
            Link(ledger, "down", server, client, Reliable(radio()), partial(Ideal().draws, key=0)),
        ]
        for link in links:
            ledger.env.process(link.send("smashed", UP, Account(0)))
        ledger.env.run()
        ends[half_duplex] = [row.end_s for row in rows]
        assert [row.wait_s for row in rows] == pytest.approx([0.0, AIR_S if half_duplex else 0.0])
    assert ends[False] == pytest.approx([AIR_S, AIR_S])
    assert ends[True] == pytest.approx([AIR_S, 2 * AIR_S])


def test_two_half_duplex_radios_that_send_to_each_other_both_get_through() -> None:
    ledger = Ledger()
    one, other = device(ledger, "client0", True), device(ledger, "client1", True)
    fading = partial(Ideal().draws, key=0)
    there, back = (Link(ledger, "up", *ends, Reliable(radio()), fading) for ends in ((one, other), (other, one)))
    processes = [ledger.env.process(link.send("model", UP, Account(0))) for link in (there, back)]
    ledger.env.run()
    assert all(process.processed for process in processes)
    assert ledger.now == pytest.approx(2 * AIR_S)


@pytest.mark.parametrize(("seconds", "on_air_s"), [(0.0, 0.0), (0.4, 0.4), (1.0, 1.0), (1.3, 1.0), (2.5, 2.0), (9.0, 3.0)])
def test_silence_between_bursts_is_not_on_air(seconds: float, on_air_s: float) -> None:
    """A second of sending, half a second of silence, two seconds of sending."""
    assert aired(((1.0, 0.5), (2.0, 0.5)), seconds) == pytest.approx(on_air_s)


def test_what_is_booked_of_bursts_that_are_cut_short() -> None:
    """A second on air, one of silence, two on air; cut at 2.5 s, half of it has been sent, and none of it is any loss."""
    town = Town(1, None)
    sent = Airtime(
        4.0, 100, 401, 12.0, 41, retransmissions=9, lost_packets=3, corrupted_values=5, bursts=((1.0, 1.0), (2.0, 0.0))
    )
    town.links[0].transport = SimpleNamespace(plan=lambda *_: sent, radio=radio())
    process = town.ledger.env.process(town.links[0].send("smashed", UP, town.accounts[0]))

    def cutter():
        yield town.ledger.env.timeout(2.5)
        process.interrupt()
        with pytest.raises(simpy.Interrupt):
            yield process

    town.ledger.env.process(cutter())
    town.ledger.env.run()
    [row] = town.rows
    assert (row.start_s, row.end_s, row.delivered, row.wait_s) == (0.0, 2.5, False, 0.0)
    assert row.overhead_bits == math.floor((UP.bits + 100) / 2)
    assert (row.symbols, row.packets, row.retransmissions) == (200, 20, 4)
    assert (row.lost_packets, row.corrupted_values, row.values_bits) == (0, 0, 0)
    assert (row.paper_bits, row.code_bits) == (50.0, 45.0)
    assert town.devices[0].meter.busy_s == {"tx": 1.5}


def test_a_message_as_received_counts_its_transfers() -> None:
    """What reaches the tensors depends on how many were sent before: 1, 2, 3; a manifest alone meets no air."""
    town, met = Town(1, None), []
    town.links[0].air = lambda payload, harm, transfer: met.append((harm, transfer)) or payload
    for message in (Payload(UP, {}), UP, Payload(UP, {})):
        town.ledger.env.process(town.links[0].send("smashed", message, town.accounts[0]))
    town.ledger.env.run()
    assert met == [(None, 1), (None, 3)]
