"""Proportional fair scheduling: equal shares, the multi-user gain H_K under Rayleigh fading, and what a link gives it."""

from functools import partial

import numpy as np
import pytest

from channels import Ideal, Rayleigh
from edgesim.errors import RunError
from edgesim.rows import Transfer
from edgesim.sim.account import Account
from edgesim.sim.device import Device
from edgesim.sim.discipline import Clock, Job, Load
from edgesim.sim.foresight import Share
from edgesim.sim.ledger import Charge, Ledger
from edgesim.sim.link import Link
from edgesim.sim.mediums.proportional_fair import ProportionalFair, Schedule
from edgesim.sim.mediums.tdma import Tdma
from edgesim.sim.meter import Meter
from edgesim.sim.radio import Radio
from edgesim.sim.transports.reliable import Reliable
from edgesim.wire import Field, Manifest

from .conftest import Arrival, City

SLOT_S = 1e-3


def proportional(client: int, mean_bps: float):
    """A rate in proportion to |h|^2 of independent Rayleigh fading, one block a slot."""
    gains = np.random.default_rng([17, client]).exponential(1.0, 20_000)

    def speed(times: np.ndarray) -> np.ndarray:
        return mean_bps * gains[np.rint(times / SLOT_S).astype(int)]

    return speed


@pytest.mark.parametrize("means", [[1e6, 1e6, 1e6, 1e6], [1e6, 2e6, 4e6, 8e6]])
def test_everybody_gets_as_many_slots_and_rates_grow_by_the_harmonic_number(means: list[float]) -> None:
    """K = 4 (phy.md 13): 1/K of the slots each and H_4 = 2.083 times the bits of round robin, however far away somebody is.

    The average remembers 200 slots, which costs less than 1 % of the gain. Shares: 4.5 standard errors of independent draws;
    slots that tend to alternate have less.
    """
    slots, course, meter = 12_000, Schedule(SLOT_S, beta=0.995), Meter("server", 1.0, 0.0)
    jobs = []
    for client, mean in enumerate(means):
        charge = Charge(meter, "tx", 1.0)
        load = Load("uplink", client, 1.0, 1, 1, charge, charge, 1e15, proportional(client, mean))
        jobs.append(Job(load, client, 0.0, Clock(lambda clock, now: 0.0), Clock(lambda clock, now: 0.0)))
        course.shares[jobs[-1]] = Share()
        course.add(jobs[-1], 0.0)
    for _ in range(slots):
        course.event()
    shares = [course.shares[job].sent_s / (slots * SLOT_S) for job in jobs]
    assert shares == pytest.approx([0.25] * 4, abs=4.5 * (0.25 * 0.75 / slots) ** 0.5)
    gains = [
        (1e15 - course._left[course._rows[job]]) / (mean * slots * SLOT_S / 4.0) for job, mean in zip(jobs, means, strict=True)
    ]
    assert np.mean(gains) == pytest.approx(1.0 + 1.0 / 2.0 + 1.0 / 3.0 + 1.0 / 4.0, rel=0.02)


def test_one_alone_gets_every_slot_and_ends_within_one(city: type[City]) -> None:
    """2.5 slots' bits that come in the middle of a slot begin with the next one."""
    place = city(lambda ledger: ProportionalFair(ledger, "up", 1, 0, slot_s=SLOT_S), 1)
    [seen] = place.serve([Arrival(2.5e-3, 9.0, 0, bits=2500.0, speed=lambda times: np.full(len(times), 1e6))])
    assert seen.stayed_s == pytest.approx(0.5e-3 + 2.5e-3)
    assert seen.load.own_s == pytest.approx(2.5e-3)
    place.check_the_books([seen])


def test_books_add_up_among_many(city: type[City]) -> None:
    rng = np.random.default_rng(1)
    place = city(lambda ledger: ProportionalFair(ledger, "up", 5, 0, slot_s=SLOT_S), 5)
    arrivals = [
        Arrival(float(rng.uniform(0.0, 0.2)), 1.0, n % 5, bits=float(rng.uniform(1e3, 3e4)), speed=proportional(n % 5, 1e6))
        for n in range(20)
    ]
    place.check_the_books(place.serve(arrivals))


UP = Manifest((Field("values", (20_000,), 32, "values"),), 0.0, 0.0)


def finished(make, channel) -> tuple[float, list[Transfer]]:
    """When four clients have sent 640 kbit each over a real link; the rows."""
    ledger, rows = Ledger(), []
    medium = make(ledger)
    server = Device("server", ledger, rate_flops=1.0, idle_w=1.0, active_w=1.0)
    ledger.listen(None, rows.append)
    for number in range(4):
        client = Device(f"client{number}", ledger, rate_flops=1.0, idle_w=1.0, active_w=1.0, tx_w=1.0)
        fading = partial(channel.draws, key=number)
        link = Link(ledger, "up", client, server, Reliable(Radio(bandwidth_hz=1e6)), fading, medium=medium)
        ledger.env.process(link.send("smashed", UP, Account(number)))
    ledger.env.run()
    ledger.close()
    assert all(meter.adds_up(ledger.now) for meter in ledger.meters)
    return max(row.end_s for row in rows), rows


def test_fading_links_are_served_where_they_are_good() -> None:
    channel = Rayleigh(snr_db=3.0, coherence_s=2e-3)
    fair, rows = finished(lambda ledger: ProportionalFair(ledger, "up", 4, 0), channel)
    equal, _ = finished(lambda ledger: Tdma(ledger, "up", 4, 0), channel)
    assert fair < 0.75 * equal
    assert all(row.wait_s > 0.0 for row in rows)


def test_without_fading_nothing_is_gained() -> None:
    """640 kbit at 6 bit/s/Hz: 106.7 ms each, one after the other, in whole slots but for the last."""
    fair, _ = finished(lambda ledger: ProportionalFair(ledger, "up", 4, 0), Ideal())
    assert 4 * 0.64 / 6 <= fair <= 4 * 0.107 + 1e-9


def test_links_that_carry_nothing_do_not_run_for_ever(city: type[City]) -> None:
    place = city(lambda ledger: ProportionalFair(ledger, "up", 1, 0, slot_s=SLOT_S), 1)
    with pytest.raises(
        RunError, match=r"no link carried anything for .* s: raise the SNR, let outages be shorter than 131072 slots"
    ):
        place.serve([Arrival(0.0, 1.0, 0, bits=1.0, speed=lambda times: np.zeros(len(times)))])


@pytest.mark.parametrize("wrong", [{"slot_s": 0.0}, {"beta": 1.0}, {"beta": -0.1}])
def test_impossible_knobs_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="need slot_s > 0 and 0 <= beta < 1"):
        ProportionalFair(Ledger(), "up", 2, 0, **wrong)
