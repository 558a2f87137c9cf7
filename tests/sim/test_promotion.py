"""A radio that slept connects before it sends or receives: exact delays and joules (phy.md 14.1)."""

import pytest

from channels import Ideal
from edgesim.sim.account import Account
from edgesim.sim.device import Device
from edgesim.sim.ledger import Ledger
from edgesim.sim.link import Link
from edgesim.sim.radio import Radio
from edgesim.sim.transports.reliable import Reliable
from edgesim.wire import Field, Manifest

MESSAGE = Manifest((Field("values", (1000,), 1000, "values"),))  # 1 s at 1 Mbit/s
SLEEP, TAIL, PROMOTED, TX, RX = 0.01, 1.06, 1.211, 3.9, 1.9
TAIL_S, PROMOTION_S = 10.0, 0.26


def phone(name: str, ledger: Ledger) -> Device:
    return Device(
        name,
        ledger,
        rate_flops=1e9,
        idle_w=2.0,
        active_w=3.0,
        radio_idle_w=SLEEP,
        tx_w=TX,
        rx_w=RX,
        tail_w=TAIL,
        tail_s=TAIL_S,
        promotion_w=PROMOTED,
        promotion_s=PROMOTION_S,
    )


def cell(ledger: Ledger) -> Device:
    return Device("server", ledger, rate_flops=1e9, idle_w=0.0, active_w=0.0, radio_idle_w=5.0, tx_w=6.0, rx_w=5.0)


def link(ledger: Ledger, direction: str, sender: Device, receiver: Device) -> Link:
    channel = Ideal()
    radio = Radio(bandwidth_hz=1e6, max_bits_per_symbol=1.0)
    return Link(ledger, direction, sender, receiver, Reliable(radio), lambda start, blocks: channel.draws(start, blocks, 1))


def finished(ledger: Ledger, until_s: float, *meters) -> None:
    ledger.env.run(until=until_s)
    ledger.close()
    for meter in meters:
        assert meter.tiles(until_s)
        assert meter.adds_up(until_s)


def test_the_book_of_a_day() -> None:
    """Up at 0 s out of sleep; down in the tail at 5 s; up at 30 s out of sleep again: two promotions, sums in closed form."""
    ledger = Ledger()
    client, server = phone("client0", ledger), cell(ledger)
    up, down = link(ledger, "up", client, server), link(ledger, "down", server, client)
    account, transfers, book = Account(0), [], []
    client.meter.listen(book.append)
    ledger.listen(book.append, transfers.append)

    def day():
        yield from up.send("smashed", MESSAGE, account)
        yield ledger.env.timeout(5.0 - ledger.now)
        yield from down.send("gradient", MESSAGE, account)
        yield ledger.env.timeout(30.0 - ledger.now)
        yield from up.send("smashed", MESSAGE, account)

    ledger.env.process(day())
    finished(ledger, 50.0, client.meter, server.meter)
    assert [(t.start_s, t.end_s, t.wait_s) for t in transfers] == [
        pytest.approx((PROMOTION_S, 1.0 + PROMOTION_S, PROMOTION_S)),
        pytest.approx((5.0, 6.0, 0.0)),
        pytest.approx((30.0 + PROMOTION_S, 31.0 + PROMOTION_S, PROMOTION_S)),
    ]
    assert account.seconds["wait"] == pytest.approx(2 * PROMOTION_S)
    states = [(entry.state, round(entry.end_s - entry.start_s, 9)) for entry in book if entry.actor == "client0"]
    assert states == [
        ("promotion", PROMOTION_S),
        ("tx", 1.0),
        ("tail", 4.0 - PROMOTION_S),
        ("rx", 1.0),
        ("tail", TAIL_S),
        ("idle", 14.0),
        ("promotion", PROMOTION_S),
        ("tx", 1.0),
        ("tail", TAIL_S),
        ("idle", 9.0 - PROMOTION_S),
    ]
    tails = 4.0 - PROMOTION_S + 2 * TAIL_S
    asleep = 50.0 - 2 * PROMOTION_S - 3.0 - tails
    expected = 50.0 * 2.0 + 2 * TX + RX + 2 * PROMOTION_S * PROMOTED + tails * TAIL + asleep * SLEEP
    assert sum(client.meter.joules.values()) == pytest.approx(expected, rel=1e-12)
    assert sum(server.meter.joules.values()) == pytest.approx(50.0 * 5.0 + 1.0, rel=1e-12)


def test_one_promotion_serves_both_directions() -> None:
    """A message down that comes while the radio connects for one up waits for the rest of that, and charges nothing."""
    ledger = Ledger()
    client, server = phone("client0", ledger), cell(ledger)
    up, down = link(ledger, "up", client, server), link(ledger, "down", server, client)
    accounts = Account(0), Account(1)

    def later():
        yield ledger.env.timeout(0.1)
        yield from down.send("gradient", MESSAGE, accounts[1])

    ledger.env.process(up.send("smashed", MESSAGE, accounts[0]))
    ledger.env.process(later())
    finished(ledger, 5.0, client.meter)
    assert client.meter.busy_s["promotion"] == pytest.approx(PROMOTION_S)
    assert accounts[1].seconds["wait"] == pytest.approx(PROMOTION_S - 0.1)
    on = PROMOTION_S * (PROMOTED - SLEEP) + (TX - SLEEP) + (RX - SLEEP) + (4.0 - PROMOTION_S) * (TAIL - SLEEP)
    assert sum(client.meter.joules.values()) == pytest.approx(5.0 * (2.0 + SLEEP) + on, rel=1e-12)


def test_two_phones_connect_one_after_the_other() -> None:
    """The sender first; then the network pages the receiver."""
    ledger = Ledger()
    clients = [phone(f"client{number}", ledger) for number in range(2)]
    account = Account(0)
    ledger.env.process(link(ledger, "up", *clients).send("smashed", MESSAGE, account))
    finished(ledger, 3.0, *(client.meter for client in clients))
    assert account.seconds["wait"] == pytest.approx(2 * PROMOTION_S)
    assert [client.meter.busy_s["promotion"] for client in clients] == pytest.approx([PROMOTION_S] * 2)


def test_a_rehearsal_begins_asleep_or_in_the_tail() -> None:
    ledger, scratch = Ledger(), Ledger()
    client, twin = phone("client0", ledger), phone("client0", scratch)
    client.meter.begin(0.0, "uplink", "tx", 1.0)
    client.meter.end(1.0, "uplink", "tx", 1.0, 1.0)
    for now, asleep in ((5.0, False), (11.5, True)):
        scratch.restart(now, ledger)
        assert twin.meter.asleep(now) is asleep
        assert client.meter.asleep(now) is asleep
        assert not twin.meter.connected_s > now


def test_a_radio_sleeps_while_its_device_computes_and_not_while_it_is_on_air() -> None:
    """A second message that comes while the first is on air needs no promotion."""
    meter = phone("client0", Ledger()).meter
    for began, phase, state, asleep in (
        (0.0, "forward", "compute", True),
        (1.0, "uplink", "tx", False),
        (20.0, "uplink", "promotion", False),
    ):
        assert meter.asleep(began), "before, or after the tail"
        meter.begin(began, phase, state, 1.0)
        assert meter.asleep(began + 0.5) is asleep
        meter.end(began + 1.0, phase, state, 1.0, 1.0)
        in_tail = state == "tx"
        assert [meter.asleep(began + after) for after in (1.0, TAIL_S + 1.0)] == [not in_tail, True]
