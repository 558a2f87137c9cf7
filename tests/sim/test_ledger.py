"""Time and energy against hand-computed closed forms."""

import pytest
import simpy

from edgesim.rows import Entry
from edgesim.sim.account import Account
from edgesim.sim.ledger import Charge, Ledger
from edgesim.sim.meter import Meter
from edgesim.sim.turn import Turn


def book(ledger: Ledger) -> list[Entry]:
    entries: list[Entry] = []
    ledger.listen(entries.append, None)
    return entries


def test_one_activity_is_charged_base_plus_its_own_watts() -> None:
    ledger = Ledger()
    meter = ledger.open("pi", 2.0)
    entries = book(ledger)
    ledger.env.process(ledger.spend("forward", 3.0, Charge(meter, "compute", 5.0)))
    ledger.env.run()
    ledger.env.run(until=10.0)
    ledger.close()
    assert entries == [
        Entry(0.0, 3.0, "pi", "forward", "compute", 7.0, 21.0),
        Entry(3.0, 10.0, "pi", "idle", "idle", 2.0, 14.0),
    ]
    assert ledger.joules == 35.0


def test_overlapping_activities_add_their_watts_once_and_tile_the_time_line() -> None:
    ledger = Ledger()
    meter = ledger.open("server", 10.0)
    entries = book(ledger)
    compute, rx = Charge(meter, "compute", 100.0), Charge(meter, "rx", 1.0)

    def later() -> simpy.events.Event:
        yield ledger.env.timeout(2.0)
        yield from ledger.spend("uplink", 4.0, rx)

    ledger.env.process(ledger.spend("server", 5.0, compute))
    ledger.env.process(later())
    ledger.env.run(until=8.0)
    ledger.close()
    # compute 0-5, rx 2-6, idle 6-8
    assert [(e.start_s, e.end_s, e.phase, e.state, e.watts) for e in entries] == [
        (0.0, 2.0, "server", "compute", 110.0),
        (2.0, 5.0, "server", "compute+rx", 111.0),
        (5.0, 6.0, "uplink", "rx", 11.0),
        (6.0, 8.0, "idle", "idle", 10.0),
    ]
    assert ledger.joules == pytest.approx(8 * 10 + 5 * 100 + 4 * 1)
    assert meter.tiles(8.0)
    assert meter.adds_up(8.0)
    assert meter.busy_s == {"compute": 5.0, "rx": 4.0}


def test_the_checks_can_fail() -> None:
    ledger = Ledger()
    meter = ledger.open("pi", 1.0)
    ledger.env.process(ledger.spend("forward", 1.0, Charge(meter, "compute", 1.0)))
    ledger.env.run()
    ledger.close()
    assert meter.tiles(1.0)
    assert meter.adds_up(1.0)
    meter.begin(1.0, "forward", "compute", 1.0)
    meter.end(1.0, "forward", "compute", 1.0, seconds=1e-3)  # as if it had taken time
    assert not meter.adds_up(1.0)
    assert not meter.tiles(1.001)


def test_an_interrupted_activity_is_charged_for_the_time_it_lasted() -> None:
    ledger = Ledger()
    meter = ledger.open("pi", 0.0)
    account = Account(0)

    def victim() -> simpy.events.Event:
        with pytest.raises(simpy.Interrupt):
            yield from ledger.spend("uplink", 10.0, Charge(meter, "tx", 2.0), account=account)

    process = ledger.env.process(victim())

    def killer() -> simpy.events.Event:
        yield ledger.env.timeout(4.0)
        process.interrupt()

    ledger.env.process(killer())
    ledger.env.run()
    ledger.close()
    assert ledger.joules == 8.0
    assert account.seconds == {"uplink": 4.0}


def test_a_collected_generator_books_nothing() -> None:
    ledger = Ledger()
    meter = ledger.open("pi", 0.0)
    spend = ledger.spend("forward", 1.0, Charge(meter, "compute", 1.0))
    next(spend)
    spend.close()
    assert meter.activity_joules == 0.0


def test_ending_what_never_began_is_an_error() -> None:
    meter = Ledger().open("pi", 0.0)
    with pytest.raises(ValueError, match="pi ends forward/compute, which it never began"):
        meter.end(1.0, "forward", "compute", 1.0, 1.0)


def test_a_turn_serves_first_come_first_served_and_books_the_wait() -> None:
    ledger = Ledger()
    turn = Turn(ledger)
    accounts = [Account(index) for index in range(3)]
    served: list[int] = []

    def customer(index: int) -> simpy.events.Event:
        yield ledger.env.timeout(index)  # arrivals at 0, 1, 2
        yield from turn.enter(accounts[index])
        yield from ledger.spend("server", 5.0, account=accounts[index])
        turn.leave()
        served.append(index)

    for index in (2, 0, 1):
        ledger.env.process(customer(index))
    ledger.env.run()
    assert served == [0, 1, 2]
    assert [account.seconds.get("wait", 0.0) for account in accounts] == [0.0, 4.0, 8.0]


def test_several_places_serve_at_once() -> None:
    ledger = Ledger()
    turn = Turn(ledger, places=2)

    def customer() -> simpy.events.Event:
        yield from turn.enter(None)
        yield from ledger.spend("server", 1.0)
        turn.leave()

    for _ in range(4):
        ledger.env.process(customer())
    ledger.env.run()
    assert ledger.now == 2.0


def radio_day(ledger: Ledger, meter: Meter):
    """On air 0-1 s and 3-4 s, computing 5-6 s; the clock ends at 20 s."""
    yield from ledger.spend("uplink", 1.0, Charge(meter, "tx", 2.0))
    yield from ledger.spend("server", 2.0)
    yield from ledger.spend("downlink", 1.0, Charge(meter, "rx", 1.0))
    yield from ledger.spend("server", 1.0)
    yield from ledger.spend("backward", 1.0, Charge(meter, "compute", 5.0))
    yield from ledger.spend("server", 14.0)


def test_a_tail_lasts_until_the_radio_is_on_air_again_or_it_is_over() -> None:
    """Tail 0.5 W for 7 s: 1-3 s cut short by the next transfer, then 4-11 s, during computing too."""
    ledger = Ledger()
    meter = ledger.open("client0", base_w=1.0, tail_w=0.5, tail_s=7.0)
    book = []
    meter.listen(book.append)
    ledger.env.process(radio_day(ledger, meter))
    ledger.env.run()
    ledger.close()
    assert [(entry.start_s, entry.end_s, entry.state, entry.watts) for entry in book] == [
        (0.0, 1.0, "tx", 3.0),
        (1.0, 3.0, "tail", 1.5),
        (3.0, 4.0, "rx", 2.0),
        (4.0, 5.0, "tail", 1.5),
        (5.0, 6.0, "compute+tail", 6.5),
        (6.0, 11.0, "tail", 1.5),
        (11.0, 20.0, "idle", 1.0),
    ]
    assert ledger.joules == pytest.approx(20.0 + 2.0 + 1.0 + 5.0 + 0.5 * 9.0)
    assert meter.busy_s == {"tx": 1.0, "rx": 1.0, "compute": 1.0, "tail": 9.0}
    assert meter.adds_up(20.0)
    assert meter.tiles(20.0)


def test_energy_until_now_knows_that_a_tail_has_ended() -> None:
    meter = Meter("client0", 1.0, 0.0, tail_w=0.5, tail_s=2.0)
    meter.begin(0.0, "uplink", "tx", 3.0)
    meter.end(1.0, "uplink", "tx", 3.0, 1.0)
    assert meter.joules_until(2.0) == pytest.approx(4.0 + 1.5)
    assert meter.joules_until(9.0) == pytest.approx(4.0 + 2 * 1.5 + 6.0)


def test_a_rehearsal_begins_in_the_middle_of_a_tail() -> None:
    real, scratch = Ledger(), Ledger()
    meters = [ledger.open("client0", 1.0, 0.5, 4.0) for ledger in (real, scratch)]
    meters[0].begin(0.0, "uplink", "tx", 3.0)
    meters[0].end(1.0, "uplink", "tx", 3.0, 1.0)
    scratch.restart(2.0, real)
    assert meters[1].joules_until(10.0) == pytest.approx(8.0 + 0.5 * 3.0)
    meters[1].settle(10.0)
    assert meters[1].adds_up(10.0)
