"""Meters of devices in a shared medium: own seconds on air, tails in between, and the two sums of energy."""

import pytest

from edgesim.rows import Entry
from edgesim.sim.meter import Meter


class Third:
    """An air clock: a third of the time."""

    def __call__(self, now: float) -> float:
        return now / 3.0


def test_a_clock_is_charged_for_what_it_shows() -> None:
    meter, entries, clock = Meter("client0", 1.0, 0.0), [], Third()
    meter.listen(entries.append)
    meter.begin(0.0, "uplink", "tx", 6.0, clock)
    assert meter.joules_until(1.5) == pytest.approx(1.5 + 6.0 * 0.5)
    meter.begin(3.0, "forward", "compute", 2.0)
    meter.end(6.0, "forward", "compute", 2.0, 3.0)
    meter.end(9.0, "uplink", "tx", 6.0, 3.0, clock)
    meter.settle(10.0)
    assert [(entry.phase, entry.state) for entry in entries] == [
        ("uplink", "tx"),
        ("uplink", "compute+tx"),
        ("uplink", "tx"),
        ("idle", "idle"),
    ]
    assert [entry.watts for entry in entries] == pytest.approx([3.0, 5.0, 3.0, 1.0])
    assert [entry.joules for entry in entries] == pytest.approx([9.0, 15.0, 9.0, 1.0])
    assert meter.busy_s == pytest.approx({"compute": 3.0, "tx": 3.0})
    assert meter.tiles(10.0)
    assert meter.adds_up(10.0)


def test_the_two_sums_differ_if_a_clock_and_its_activities_disagree() -> None:
    meter, clock = Meter("server", 0.0, 0.0), Third()
    meter.begin(0.0, "uplink", "rx", 1.0, clock)
    meter.end(3.0, "uplink", "rx", 1.0, 0.9, clock)
    assert not meter.adds_up(3.0)


def test_a_radio_with_a_tail_stays_awake_between_its_seconds_on_air() -> None:
    """Base 1 W, tail +2 W for 4 s, transmitting +5 W: a third of 9 s at 6 W, the rest and 4 s more at 3 W."""
    meter, entries, clock = Meter("client0", 1.0, 0.0, tail_w=2.0, tail_s=4.0), [], Third()
    meter.listen(entries.append)
    meter.begin(0.0, "uplink", "tx", 5.0, clock)
    meter.end(9.0, "uplink", "tx", 5.0, 3.0, clock)
    meter.settle(20.0)
    assert entries == [
        Entry(0.0, 9.0, "client0", "uplink", "tail+tx", pytest.approx(4.0), pytest.approx(36.0)),
        Entry(9.0, 13.0, "client0", "idle", "tail", 3.0, 12.0),
        Entry(13.0, 20.0, "client0", "idle", "idle", 1.0, 7.0),
    ]
    assert meter.adds_up(20.0)


def test_a_tail_goes_on_into_a_shared_medium_and_out_of_it() -> None:
    meter, clock = Meter("client0", 1.0, 0.0, tail_w=2.0, tail_s=4.0), Third()
    meter.begin(0.0, "downlink", "rx", 3.0)
    meter.end(1.0, "downlink", "rx", 3.0, 1.0)
    meter.begin(3.0, "uplink", "tx", 5.0, clock)
    meter.end(6.0, "uplink", "tx", 5.0, 1.0, clock)
    meter.settle(30.0)
    assert sum(meter.joules.values()) == pytest.approx(30.0 + 3.0 + 2.0 * 2.0 + (5.0 * 1.0 + 2.0 * 2.0) + 2.0 * 4.0)
    assert meter.adds_up(30.0)


def test_many_activities_of_one_sort_are_counted_not_kept() -> None:
    """A server that receives from a thousand clients at once, in a staircase up and down."""
    meter = Meter("server", 10.0, 0.0)
    for number in range(1000):
        meter.begin(float(number), "uplink", "rx", 0.1)
    for number in range(1000):
        meter.end(1000.0 + number, "uplink", "rx", 0.1, 1000.0)
    assert len(meter._active) == 0
    assert meter.joules_until(2000.0) == pytest.approx(20_000.0 + 0.1 * 1000.0 * 1000.0)
    meter.settle(2000.0)
    assert meter.tiles(2000.0)
    assert meter.adds_up(2000.0)


def test_an_only_activity_seen_from_within_is_the_same() -> None:
    """Looking at the energy, settling or a second activity in its middle changes no sum."""
    quiet, watched = Meter("a", 1.0, 0.0), Meter("b", 1.0, 0.0)
    for meter in (quiet, watched):
        meter.begin(1.0, "forward", "compute", 4.0)
        if meter is watched:
            assert meter.joules_until(2.0) == pytest.approx(1.0 + 5.0)
            meter.settle(2.5)
            meter.begin(3.0, "uplink", "tx", 0.0)
            meter.end(3.0, "uplink", "tx", 0.0, 0.0)
        meter.end(4.0, "forward", "compute", 4.0, 3.0)
        meter.settle(5.0)
    assert watched.joules == pytest.approx(quiet.joules)
    assert watched.seconds == pytest.approx(quiet.seconds) == {"idle": 2.0, "forward": 3.0}
    with pytest.raises(ValueError, match="a ends forward/compute, which it never began"):
        quiet.end(6.0, "forward", "compute", 4.0, 1.0)
    quiet.begin(6.0, "forward", "compute", 4.0)
    with pytest.raises(ValueError, match="a ends forward/encode, which it never began"):
        quiet.end(7.0, "forward", "encode", 4.0, 1.0)
