"""Processor sharing against a simulation in small steps of time, its books, and who is cut off."""

import numpy as np
import pytest
import simpy

from edgesim.sim.ledger import Ledger
from edgesim.sim.mediums.tdma import Tdma

from .conftest import RX_W, TX_W, Arrival, City


def by_hand(arrivals: list[Arrival], weights: list[float]) -> list[float]:
    """When each load ends under weighted processor sharing: from one coming or going to the next, all jobs looked at."""
    left = {place: arrival.air_s for place, arrival in enumerate(arrivals)}
    ends = [0.0 for _ in arrivals]
    now, inside = 0.0, set()
    while left:
        coming = [arrival.at for place, arrival in enumerate(arrivals) if place in left and place not in inside]
        total = sum(weights[arrivals[place].client] for place in inside)
        going = [now + left[place] * total / weights[arrivals[place].client] for place in inside]
        then = min(coming + going)
        for place in inside:
            left[place] -= (then - now) * weights[arrivals[place].client] / total
        now = then
        for place in [place for place in inside if left[place] < 1e-9]:
            ends[place] = now
            inside.remove(place)
            del left[place]
        inside |= {place for place in left if arrivals[place].at <= now}
    return ends


@pytest.mark.parametrize("weights", [None, [1.0, 2.0, 5.0, 0.5, 1.5]])
def test_shares_are_those_of_a_simulation_that_looks_at_every_job(city: type[City], weights: list[float] | None) -> None:
    rng = np.random.default_rng(2)
    arrivals = [Arrival(float(rng.uniform(0.0, 3.0)), float(rng.exponential(1.0)), client) for client in range(5)]
    place = city(lambda ledger: Tdma(ledger, "up", 5, 0, weights=weights), 5)
    seen = place.serve(arrivals)
    ends = by_hand(arrivals, weights or [1.0] * 5)
    assert [arrival.at + one.stayed_s for arrival, one in zip(arrivals, seen, strict=True)] == pytest.approx(ends)
    place.check_the_books(seen)


def test_one_alone_never_waits_and_two_share(city: type[City]) -> None:
    """2 s from 0 on, 1 s from 1 on: shared from 1 s to 3 s."""
    place = city(lambda ledger: Tdma(ledger, "up", 2, 0), 2)
    long, short = place.serve([Arrival(0.0, 2.0, 0), Arrival(1.0, 1.0, 1)])
    assert long.stayed_s == pytest.approx(3.0)
    assert short.stayed_s == pytest.approx(2.0)
    assert long.account.seconds == pytest.approx({"uplink": 2.0, "wait": 1.0})
    assert place.server.joules_until(3.0) == pytest.approx(30.0 + RX_W * 3.0)


def test_entries_charge_each_stretch_for_its_share(city: type[City]) -> None:
    place = city(lambda ledger: Tdma(ledger, "up", 2, 0), 2)
    entries = []
    place.ledger.listen(entries.append, None)
    place.serve([Arrival(0.0, 2.0, 0), Arrival(1.0, 1.0, 1)])
    watts = [(entry.start_s, entry.end_s, entry.watts) for entry in entries if entry.actor == "client0"]
    assert np.allclose(watts, [(0.0, 3.0, 1.0 + TX_W * 2.0 / 3.0)])
    server = [(entry.start_s, entry.end_s, entry.watts) for entry in entries if entry.actor == "server"]
    assert np.allclose(server, [(0.0, 1.0, 10.25), (1.0, 3.0, 10.25)])  # the air is always full


def test_who_is_interrupted_is_charged_for_its_share_and_gives_it_back(city: type[City]) -> None:
    """Both send from 0 on; the first is cut off at 1 s with 0.5 s served; the second then has the air to itself."""
    place = city(lambda ledger: Tdma(ledger, "up", 2, 0), 2)
    ledger, ended = place.ledger, []

    def victim():
        load = place.load(Arrival(0.0, 5.0, 0))
        with pytest.raises(simpy.Interrupt):
            yield from place.medium.carry(load, None)
        assert load.own_s == pytest.approx(0.5)
        assert load.waited_s == pytest.approx(0.5)

    def survivor():
        yield from place.medium.carry(place.load(Arrival(0.0, 2.0, 1)), None)
        ended.append(ledger.now)

    process = ledger.env.process(victim())
    ledger.env.process(survivor())

    def killer():
        yield from ledger.spend("forward", 1.0)
        process.interrupt()

    ledger.env.process(killer())
    ledger.env.run()
    ledger.close()
    assert ended == pytest.approx([2.5])
    now = ledger.now
    assert place.meters[0].joules_until(now) == pytest.approx(now + TX_W * 0.5)
    assert all(meter.adds_up(now) for meter in ledger.meters)
    assert place.medium.census.holds(now)


def test_a_fixed_frame_wastes_what_nobody_uses(city: type[City]) -> None:
    place = city(lambda ledger: Tdma(ledger, "up", 4, 0, idle="wasted", weights=[1.0, 1.0, 1.0, 5.0]), 4)
    seen = place.serve([Arrival(0.0, 1.0, 0), Arrival(0.0, 1.0, 3)])
    assert [one.stayed_s for one in seen] == pytest.approx([8.0, 8.0 / 5.0])


@pytest.mark.parametrize("weights", [[1.0], [1.0, 0.0], []])
def test_weights_are_for_every_client_and_positive(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="weights must be 2 positive numbers, one for each client"):
        Tdma(Ledger(), "up", 2, 0, weights=weights)


def test_virtual_time_keeps_its_precision_over_a_long_life(city: type[City]) -> None:
    """A year of seconds with millisecond loads."""
    place = city(lambda ledger: Tdma(ledger, "up", 2, 0), 2, now=3.15e7)
    seen = place.serve([Arrival(3.15e7 + 1.0, 1e-3, 0), Arrival(3.15e7 + 1.0, 1e-3, 1)])
    assert [one.stayed_s for one in seen] == pytest.approx([2e-3, 2e-3], abs=1e-7)
