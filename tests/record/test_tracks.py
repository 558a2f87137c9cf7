"""Slices of a device's book: whole activities, never overlapping, no second lost or counted twice."""

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgesim.record.tracks import Slice, slices
from edgesim.rows import Entry
from edgesim.sim.meter import Meter

Activity = tuple[str, str, float, float]  # phase, state, start, end


def book(activities: list[Activity], end: float) -> tuple[list[Entry], Meter]:
    """The entries a device's meter makes of its activities."""
    entries: list[Entry] = []
    meter = Meter("client0", 2.0, 0.0)
    meter.listen(entries.append)
    moments = [(start, 1, phase, state, 0.0) for phase, state, start, _ in activities]
    moments += [(stop, 0, phase, state, stop - start) for phase, state, start, stop in activities]
    for now, begins, phase, state, seconds in sorted(moments):
        if begins:
            meter.begin(now, phase, state, 3.0)
        else:
            meter.end(now, phase, state, 3.0, seconds)
    meter.settle(end)
    return entries, meter


def drawn(activities: list[Activity], end: float) -> list[tuple[str, str, float, float]]:
    return sorted((item.name, item.track, item.start_s, item.end_s) for item in slices(book(activities, end)[0]))


def test_activities_one_after_the_other_are_slices_with_idling_between() -> None:
    step = [
        ("forward", "compute", 0.0, 1.0),
        ("uplink", "tx", 1.0, 3.0),
        ("downlink", "rx", 5.0, 6.0),
        ("backward", "compute", 6.0, 8.0),
    ]
    assert drawn(step, 8.0) == sorted([*step, ("idle", "idle", 3.0, 5.0)])


def test_receiving_while_computing_cuts_neither() -> None:
    both = [("server", "compute", 0.0, 10.0), ("uplink", "rx", 3.0, 5.0)]
    assert drawn(both, 10.0) == [("rx", "rx", 3.0, 5.0), both[0]]  # the book names only the activity that began first
    later = [("uplink", "rx", 0.0, 6.0), ("server", "compute", 4.0, 9.0)]
    assert drawn(later, 9.0) == sorted(later)
    duplex = [("uplink", "rx", 0.0, 6.0), ("downlink", "tx", 4.0, 9.0)]
    assert drawn(duplex, 9.0) == sorted(duplex)


def test_two_jobs_of_one_kind_back_to_back_stay_two() -> None:
    jobs = [("server", "compute", 0.0, 1.0), ("server", "compute", 1.0, 2.5)]
    assert drawn(jobs, 2.5) == jobs


def test_other_states_of_rest_lie_on_the_idle_track() -> None:
    entry = Entry(0.0, 4.0, "client0", "idle", "sleep", 0.1, 0.4)
    assert list(slices([entry])) == [Slice("idle", "sleep", 0.0, 4.0, 0.4)]


def test_a_slice_carries_the_joules_of_its_pieces() -> None:
    entries, _ = book([("server", "compute", 0.0, 10.0), ("uplink", "rx", 3.0, 5.0)], 10.0)
    joules = {item.track: item.joules for item in slices(entries)}
    assert joules == {"compute": pytest.approx(5.0 * 10 + 3.0 * 2), "rx": pytest.approx(8.0 * 2)}


@st.composite
def activities(draw: st.DrawFn) -> list[Activity]:
    """Up to eight activities on each of compute, tx and rx; those of one track never overlap."""
    made: list[Activity] = []
    for state, phases in (("compute", ("forward", "server")), ("tx", ("uplink",)), ("rx", ("downlink",))):
        now = 0.0
        for pause, length in draw(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4)), max_size=8)):
            start = now + pause
            now = start + length
            made.append((draw(st.sampled_from(phases)), state, start / 7, now / 7))  # sevenths: no exact binary fractions
    return made


@settings(max_examples=100)
@given(activities())
def test_every_second_lies_on_its_tracks_once(made: list[Activity]) -> None:
    end = max((stop for *_, stop in made), default=0.0) + 1.0
    entries, meter = book(made, end)
    found = list(slices(entries))
    for track in ("compute", "tx", "rx"):
        mine = [item for item in found if item.track == track]
        assert math.isclose(sum(item.end_s - item.start_s for item in mine), meter.busy_s.get(track, 0.0), abs_tol=1e-9)
        assert all(before.end_s <= after.start_s for before, after in pairwise(mine))
    idle = sum(item.end_s - item.start_s for item in found if item.track == "idle")
    assert math.isclose(idle, meter.seconds["idle"], abs_tol=1e-9)
