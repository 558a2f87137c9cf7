"""Work that is cut short: by whom, when to the instant, and what is booked of it."""

import math
from functools import partial

import pytest

from channels import Ideal
from edgesim.rows import Fault as Row
from edgesim.rows import Transfer
from edgesim.sim.account import Account
from edgesim.sim.device import Device
from edgesim.sim.faults.base import Fault
from edgesim.sim.faults.battery import Battery
from edgesim.sim.hazards import Hazard, Hazards, Lost
from edgesim.sim.ledger import Ledger
from edgesim.sim.link import Link
from edgesim.sim.mediums.csma import Csma
from edgesim.sim.mediums.tdma import Tdma
from edgesim.sim.presence import Presence
from edgesim.sim.radio import Radio
from edgesim.sim.transports.reliable import Reliable
from edgesim.sim.windows import Listed, Regular, Window, Windows
from edgesim.wire import Field, Manifest
from edgesim.work import Work

UP = Manifest((Field("values", (1000,), 32, "values"), Field("labels", (10,), 4, "labels")), 100.0, 90.0)
AIR_S = 32_040 / 4e4


class Down(Fault):
    """Clients are away in the given windows."""

    def __init__(self, *windows: tuple[float, float]) -> None:
        super().__init__(0)
        self._windows = Listed([Window(*window) for window in windows])

    def absences(self, client: int) -> Windows | None:
        return self._windows


class Numbered(Account):
    """A client's account that stands for the client."""

    @property
    def number(self) -> int:
        return self.client


class Town:
    """Clients with an uplink each, a server, and what may befall them."""

    def __init__(self, clients: int, *hazards: Hazard, medium=None, **power: float) -> None:
        self.ledger = Ledger()
        self.rows: list[Transfer] = []
        self.faults: list[Row] = []
        watts = {"idle_w": 1.0, "active_w": 3.0, "radio_idle_w": 0.5, "tx_w": 2.0, "rx_w": 1.0} | power
        self.server = Device("server", self.ledger, rate_flops=1.0, **watts)
        self.devices = [Device(f"client{number}", self.ledger, rate_flops=1.0, **watts) for number in range(clients)]
        self.ledger.listen(None, self.rows.append)
        transport = Reliable(Radio(bandwidth_hz=1e4, max_bits_per_symbol=4.0))
        fading, air = partial(Ideal().draws, key=0), medium(self.ledger) if medium else None
        self.links = [Link(self.ledger, "up", one, self.server, transport, fading, medium=air) for one in self.devices]
        self.accounts = [Numbered(number) for number in range(clients)]
        all_of_them = Hazards(hazards, clients)
        self.server.down = all_of_them.restarts
        self.presence = Presence(self.ledger, self.devices, all_of_them)
        self.presence.hear = self.faults.append

    def each(self, work, *numbers: int, **when) -> list:
        process = self.ledger.env.process(self.presence.each([self.accounts[number] for number in numbers], work, **when))
        self.ledger.env.run(until=process)
        return process.value

    def send(self, account: Account):
        return self.links[account.client].send("smashed", UP, account)

    def compute(self, seconds: float, account: Account):
        return self.devices[account.client].run("forward", lambda: Work("done", seconds), account)

    def close(self) -> None:
        self.presence.close()
        self.ledger.close()
        assert all(meter.adds_up(self.ledger.now) and meter.tiles(self.ledger.now) for meter in self.ledger.meters)
        total = self.ledger.traffic.by_direction["up"]
        assert total.offered == total.payload + total.lost


def crash(*windows: tuple[float, float], clients=None) -> Hazard:
    return Hazard("crash", Down(*windows), clients)


@pytest.mark.parametrize("medium", [None, lambda ledger: Tdma(ledger, "up", 1, 0)])
def test_a_message_cut_short_is_charged_for_its_part(medium) -> None:
    town = Town(1, crash((0.30001, 5.0)), medium=medium)
    [lost] = town.each(town.send, 0)
    assert lost == Lost(0, "crash", 5.0)
    town.close()
    [row] = town.rows
    share = 0.30001 / AIR_S
    assert not row.delivered
    assert (row.start_s, row.end_s) == (0.0, 0.30001)
    assert (row.values_bits, row.side_bits, row.labels_bits, row.model_bits) == (0, 0, 0, 0)
    assert row.overhead_bits == math.floor(share * UP.bits) == 12_000
    assert (row.paper_bits, row.code_bits) == pytest.approx((100.0 * share, 90.0 * share))
    assert row.symbols == 3000
    assert town.devices[0].meter.joules["uplink"] == pytest.approx(0.30001 * (1.0 + 2.0))
    assert town.server.meter.joules["uplink"] == pytest.approx(0.30001 * (1.0 + 1.0))
    total = town.ledger.traffic.by_direction["up"]
    assert (total.cut, total.lost, total.by_label) == (1, UP.bits, {})


def test_a_message_that_waits_is_withdrawn_from_the_queue() -> None:
    """Two messages of one client over its link, one after the other; both are cut, and only the first was on air."""
    town = Town(1, crash((0.3, 5.0)))
    first, second = (town.ledger.env.process(town.presence.each([town.accounts[0]], town.send)) for _ in range(2))
    town.ledger.env.run(until=town.ledger.env.all_of([first, second]))
    town.close()
    assert [row.delivered for row in town.rows] == [False]
    assert town.ledger.now == 0.3


def test_the_other_gets_the_air_of_who_is_gone() -> None:
    town = Town(2, crash((0.4, 9.0), clients=[0]), medium=lambda ledger: Tdma(ledger, "up", 2, 0))
    lost, message = town.each(town.send, 0, 1)
    assert isinstance(lost, Lost)
    assert message is UP
    town.close()
    assert town.ledger.now == pytest.approx(0.4 + AIR_S - 0.2)  # half the air until then, all of it afterwards
    cut, whole = town.rows
    assert (cut.overhead_bits, cut.delivered) == (math.floor(0.2 / AIR_S * UP.bits), False)
    assert whole.delivered
    assert whole.wait_s == pytest.approx(0.2)
    assert town.ledger.keeps_littles_law()


def test_frames_of_who_is_gone_are_not_sent_again() -> None:
    town = Town(2, crash((0.4, 9.0), clients=[0]), medium=lambda ledger: Csma(ledger, "up", 2, 7))
    town.each(town.send, 0, 1)
    town.close()
    assert [row.delivered for row in town.rows] == [False, True]
    assert 0 < town.rows[0].overhead_bits < UP.bits
    assert town.ledger.keeps_littles_law()


def test_a_device_that_is_down_draws_nothing() -> None:
    town = Town(1, crash((1.0, 3.0)))
    assert town.each(partial(town.compute, 2.0), 0) == [Lost(0, "crash", 3.0)]
    assert town.each(partial(town.compute, 2.0), 0) == [Lost(0, "crash", 3.0)]  # still down
    process = town.ledger.env.process(
        town.presence.with_somebody(town.presence.each(town.accounts, partial(town.compute, 2.0)))
    )
    town.ledger.env.run(until=process)
    town.close()
    meter = town.devices[0].meter
    assert town.ledger.now == 5.0
    assert meter.seconds == pytest.approx({"forward": 3.0, "off": 2.0})
    assert meter.joules == pytest.approx({"forward": 3.0 * 3.5, "off": 0.0})
    assert town.server.meter.joules_until(5.0) == pytest.approx(5.0 * 1.5)
    assert town.faults == [Row(1.0, 0, "crash", 3.0)]


def test_a_tail_ends_with_its_device() -> None:
    town = Town(1, crash((1.0, 3.0)), tail_w=4.5, tail_s=10.0)
    town.each(town.send, 0)
    town.ledger.env.run(until=4.0)
    town.close()
    on_air, tail = AIR_S * 3.0, (1.0 - AIR_S) * 5.5
    assert town.devices[0].meter.joules_until(4.0) == pytest.approx(on_air + tail + 1.0 * 1.5)  # nothing, then idle


@pytest.mark.parametrize(("seconds", "watts"), [(40.0, 3.5), (0.0, 1.5)])
def test_a_battery_is_empty_at_capacity_over_power(seconds: float, watts: float) -> None:
    town = Town(1, Hazard("battery", Battery(0, joules=21.0)))
    if seconds:
        assert town.each(partial(town.compute, seconds), 0) == [Lost(0, "battery", math.inf)]
    town.ledger.env.run(until=60.0)
    assert town.faults == [Row(pytest.approx(21.0 / watts, abs=1e-8), 0, "battery", math.inf)]
    assert town.presence.returns() == math.inf
    town.close()
    drawn = town.devices[0].meter.joules_until(60.0)
    assert 21.0 - 1e-7 < drawn <= 21.0


def test_a_battery_lasts_through_phases_of_different_power() -> None:
    """1 s of computing takes 3.5 J, 0.5 s of sending 1.5 J: of 4.25 J, 0.75 J are left for 0.25 s on air."""
    town = Town(1, Hazard("battery", Battery(0, joules=4.25)))
    assert town.each(partial(town.compute, 1.0), 0) == ["done"]
    assert isinstance(town.each(town.send, 0)[0], Lost)
    assert town.ledger.now == pytest.approx(1.25, abs=1e-8)
    town.close()
    assert town.rows[0].overhead_bits in (9_999, 10_000)


def test_a_battery_keeps_what_it_has_while_its_device_is_down() -> None:
    town = Town(1, Hazard("battery", Battery(0, joules=15.0)), crash((2.0, 50.0)))
    town.ledger.env.run(until=100.0)
    town.close()
    assert [(row.kind, row.time_s) for row in town.faults] == [("crash", 2.0), ("battery", pytest.approx(58.0, abs=1e-8))]


class Restart(Fault):
    def restarts(self) -> Windows | None:
        return Regular(1.5, 0.5)


def test_a_job_that_a_restart_cuts_is_done_again_and_paid_twice() -> None:
    town = Town(1, Hazard("server_restart", Restart(0)))
    taken: list[float] = []

    def job() -> Work:
        taken.append(town.ledger.now)
        return Work("done", 1.0)

    town.each(lambda account: town.server.run("server", job, account), 0)  # 0 to 1
    assert town.ledger.now == 1.0
    assert town.each(lambda account: town.server.run("server", job, account), 0) == ["done"]  # 1 to 1.5, 2 to 3
    assert (town.ledger.now, taken) == (3.0, [0.0, 1.0])
    assert town.accounts[0].seconds == pytest.approx({"server": 2.5, "wait": 0.5})
    town.close()
    assert town.server.meter.joules["server"] == pytest.approx(2.5 * 3.5)
    assert town.faults == [Row(1.5, -1, "server_restart", 2.0)]


def test_the_server_finishes_what_it_does_for_who_is_gone() -> None:
    town = Town(1, crash((0.5, 0.7)))

    def work(account: Account):
        yield from town.server.run("server", lambda: Work(None, 1.0), account)
        raise AssertionError("nobody is there to hear of it")

    assert town.each(work, 0) == [Lost(0, "crash", 0.7)]
    town.close()
    assert town.ledger.now == 1.0
    assert town.server.meter.joules["server"] == pytest.approx(3.5)


def test_a_deadline_cuts_exactly_those_who_are_late() -> None:
    town = Town(4)
    work = [0.5, 2.0, 0.9, 1.1]
    results = town.each(lambda account: town.compute(work[account.client], account), 0, 1, 2, 3, until=1.0)
    assert results == ["done", Lost(1, "late", 1.0), "done", Lost(3, "late", 1.0)]
    town.close()
    assert town.ledger.now == 1.0
    assert [device.meter.seconds["forward"] for device in town.devices] == pytest.approx([0.5, 1.0, 0.9, 1.0])
    assert [(row.client, row.kind) for row in town.faults] == [(1, "late"), (3, "late")]


def test_who_is_late_goes_on_where_it_is_kept() -> None:
    town = Town(3)
    work = [0.5, 1.5, 9.0]
    town.each(lambda account: town.compute(work[account.client], account), 0, 1, 2, until=1.0, keeps=True)
    assert town.presence.arrived() == {}
    assert town.presence.there(0, anybody=False) == [0]
    assert town.each(partial(town.compute, 1.0), 0, until=3.0, keeps=True) == ["done"]
    assert town.presence.arrived() == {1: "done"}
    assert list(town.presence.late) == [2]
    town.close()  # the run ends while the last is at work
    assert town.devices[2].meter.joules["forward"] == pytest.approx(2.0 * 3.5)


def test_a_round_in_which_all_are_busy_waits_for_them() -> None:
    town = Town(1)
    town.each(partial(town.compute, 3.0), 0, until=1.0, keeps=True)
    assert town.each(town.compute, until=9.0, keeps=True) == []
    assert town.ledger.now == 3.0
    assert town.presence.arrived() == {0: "done"}


def test_who_was_away_for_a_moment_has_lost_the_thread() -> None:
    town = Town(2, crash((0.5, 0.6), clients=[1]))
    town.ledger.env.run(until=1.0)
    assert town.each(partial(town.compute, 0.1), 0, 1, since=0.0) == ["done", Lost(1, "crash", 1.0)]
    assert town.each(partial(town.compute, 0.1), 0, 1) == ["done", "done"]


def test_time_passes_until_somebody_returns() -> None:
    town = Town(2, crash((0.0, 4.0), clients=[0]), crash((0.0, 2.0), (2.0, 3.0), clients=[1]))
    town.ledger.env.run(
        until=town.ledger.env.process(town.presence.with_somebody(town.presence.each(town.accounts, town.send)))
    )
    assert town.rows[0].start_s == 3.0
    assert [row.client for row in town.rows] == [1]
