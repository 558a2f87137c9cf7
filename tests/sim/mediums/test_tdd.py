"""A direction that has the air only in its slots of a pattern."""

import numpy as np
import pytest

from edgesim.sim.ledger import Ledger
from edgesim.sim.mediums.csma import Csma
from edgesim.sim.mediums.round_robin import RoundRobin
from edgesim.sim.mediums.tdd import Tdd
from edgesim.sim.mediums.tdma import Tdma

from .conftest import TX_W, Arrival, City

SLOT_S = 0.5e-3


def made(pattern: str = "DDDSU", direction: str = "up") -> Tdd:
    return Tdd(Ledger(), direction, 1, 0, pattern=pattern, slot_s=SLOT_S)


@pytest.mark.parametrize(
    ("pattern", "direction", "share"), [("DDDSU", "up", 0.2), ("DDDSU", "down", 0.6), ("DSUUD", "down", 0.4)]
)
def test_a_direction_has_the_air_for_its_share_of_the_pattern(pattern: str, direction: str, share: float) -> None:
    assert made(pattern, direction).open_s(50 * len(pattern) * SLOT_S) == pytest.approx(50 * len(pattern) * SLOT_S * share)


def test_open_time_and_clock_time_are_inverse() -> None:
    medium = made("DDUSUU")
    for open_s in [*np.random.default_rng(0).uniform(0.0, 40.0, 500), *(np.arange(50) * SLOT_S)]:
        assert medium.open_s(medium.when(float(open_s))) == pytest.approx(float(open_s), abs=1e-12)
        if open_s > 1e-9:  # the first such instant
            assert medium.open_s(medium.when(float(open_s)) - 1e-6) < open_s
    assert medium.open_s(1.2e-3) == pytest.approx(0.2e-3)
    assert medium.open_s(1.7e-3) == pytest.approx(0.5e-3)


def test_a_message_waits_for_the_slots_of_its_direction(city: type[City]) -> None:
    """1.2 ms from 0 on in U slots at 2.0, 4.5 and 7.0 ms: 0.5 + 0.5 + 0.2 ms."""
    place = city(lambda ledger: Tdd(ledger, "up", 1, 0, slot_s=SLOT_S), 1)
    [seen] = place.serve([Arrival(0.0, 1.2e-3)])
    assert seen.stayed_s == pytest.approx(7.2e-3)
    assert seen.account.seconds == pytest.approx({"uplink": 1.2e-3, "wait": 6.0e-3})
    now = place.ledger.now
    assert place.meters[0].joules_until(now) == pytest.approx(now + TX_W * 1.2e-3)


def test_a_message_that_ends_with_a_slot_ends_there(city: type[City]) -> None:
    place = city(lambda ledger: Tdd(ledger, "up", 1, 0, slot_s=SLOT_S), 1)
    assert place.serve([Arrival(0.0, SLOT_S)])[0].stayed_s == pytest.approx(2.5e-3)


def test_without_an_inner_medium_links_do_not_wait_for_each_other(city: type[City]) -> None:
    place = city(lambda ledger: Tdd(ledger, "up", 2, 0, slot_s=SLOT_S), 2)
    assert [one.stayed_s for one in place.serve([Arrival(0.0, 0.3e-3, client) for client in range(2)])] == pytest.approx(
        [2.3e-3] * 2
    )


@pytest.mark.parametrize(
    "inner", [lambda ledger: Tdma(ledger, "up", 4, 0), lambda ledger: RoundRobin(ledger, "up", 4, 0, quantum_s=1e-4)]
)
def test_inside_its_slots_a_direction_is_dealt_out_like_another_medium(city: type[City], inner) -> None:
    """The same load over a fifth of the time: every end is that of the inner medium, by the clock of the open slots."""
    rng = np.random.default_rng(3)
    times = rng.uniform(0.0, 0.1, 12)
    sizes = rng.exponential(2e-3, 12)
    place = city(lambda ledger: Tdd(ledger, "up", 4, 0, slot_s=SLOT_S, inner=inner(ledger)), 4)
    clock = made()
    arrivals = [Arrival(float(t), float(s), n % 4) for n, (t, s) in enumerate(zip(sorted(times), sizes, strict=True))]
    plain = city(inner, 4).serve([arrival._replace(at=clock.open_s(arrival.at)) for arrival in arrivals])
    seen = place.serve(arrivals)
    for arrival, one, other in zip(arrivals, seen, plain, strict=True):
        assert clock.open_s(arrival.at + one.stayed_s) == pytest.approx(clock.open_s(arrival.at) + other.stayed_s, abs=1e-9)
    place.check_the_books(seen)


def test_patterns_and_inner_mediums_that_make_no_sense_are_refused() -> None:
    ledger = Ledger()
    for pattern in ("DDDX", "DDD", ""):
        with pytest.raises(ValueError, match="pattern must be made of D, U and S, with a U for the uplink"):
            Tdd(ledger, "up", 1, 0, pattern=pattern)
    with pytest.raises(ValueError, match="slot_s must be positive"):
        Tdd(ledger, "up", 1, 0, slot_s=0.0)
    with pytest.raises(ValueError, match="Csma lives by the clock and cannot pause between slots"):
        Tdd(ledger, "up", 1, 0, inner=Csma(ledger, "up", 1, 0))
