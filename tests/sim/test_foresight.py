"""Courses of events: each event is played once, in the order of time, however many come meanwhile."""

from itertools import pairwise

import pytest

from edgesim.sim.foresight import Course
from edgesim.sim.ledger import Ledger
from edgesim.sim.mediums.base import Medium
from edgesim.sim.mediums.csma import Contention, Csma
from edgesim.sim.mediums.proportional_fair import ProportionalFair, Schedule

from .mediums.conftest import Arrival, City

CLIENTS = 40


def wifi(ledger: Ledger) -> Medium:
    return Csma(ledger, "up", CLIENTS, 5)


def fair(ledger: Ledger) -> Medium:
    return ProportionalFair(ledger, "up", CLIENTS, 5)


@pytest.mark.parametrize(("make", "course"), [(wifi, Contention), (fair, Schedule)])
def test_every_event_is_played_once(make, course: type[Course], monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty clients that come one after the other while the air is busy; what is on air follows from the frames and slots."""
    began: list[float] = []
    play = course.event

    def event(self: Course) -> None:
        began.append(self.begins())
        play(self)

    monkeypatch.setattr(course, "event", event)
    place = City(make, CLIENTS)
    arrivals = [
        Arrival(0.0007 * client, 5e-3, client, packets=5, sure=5, bits=5000.0, speed=lambda times: 0.0 * times + 1e6)
        for client in range(CLIENTS)
    ]
    place.check_the_books(place.serve(arrivals))
    assert len(began) >= 5 * CLIENTS
    assert all(before < after for before, after in pairwise(began))
