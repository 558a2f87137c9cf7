"""A city in small: devices that bring loads of given lengths to a medium at given times."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest

from edgesim.sim.account import Account
from edgesim.sim.discipline import Load
from edgesim.sim.ledger import Charge, Ledger
from edgesim.sim.mediums.base import Medium
from edgesim.sim.turn import Turn

TX_W, RX_W, CLIENT_W, SERVER_W = 3.0, 0.25, 1.0, 10.0


class Arrival(NamedTuple):
    """A load. at: when it comes [s]; air_s: how long it takes alone [s]; client: whose it is."""

    at: float
    air_s: float
    client: int = 0
    packets: int = 1
    sure: int = 1
    bits: float = 0.0
    speed: Any = None


class Seen(NamedTuple):
    """What became of it."""

    stayed_s: float
    load: Load
    account: Account


class City:
    """A medium with as many clients as it was made for, and a server at the other end of every link."""

    def __init__(self, make: Callable[[Ledger], Medium], clients: int, now: float = 0.0) -> None:
        self.ledger = Ledger()
        self.server = self.ledger.open("server", SERVER_W)
        self.meters = [self.ledger.open(f"client{number}", CLIENT_W) for number in range(clients)]
        self.turns = [Turn(self.ledger) for _ in range(clients)]
        self.medium = make(self.ledger)
        if now:
            self.ledger.restart(now)

    def serve(self, arrivals: Sequence[Arrival]) -> list[Seen]:
        """Bring every load to the medium, a client's own one after the other, and say what became of each."""
        seen: dict[int, Seen] = {}
        for number, arrival in enumerate(arrivals):
            self.ledger.env.process(self._one(number, arrival, seen))
        self.ledger.env.run()
        self.ledger.close()
        return [seen[number] for number in range(len(arrivals))]

    def load(self, arrival: Arrival) -> Load:
        sending, receiving = Charge(self.meters[arrival.client], "tx", TX_W), Charge(self.server, "rx", RX_W)
        return Load(
            "uplink",
            arrival.client,
            arrival.air_s,
            arrival.packets,
            arrival.sure,
            sending,
            receiving,
            arrival.bits,
            arrival.speed,
        )

    def _one(self, number: int, arrival: Arrival, seen: dict[int, Seen]):
        account, load = Account(arrival.client), self.load(arrival)
        yield from self.ledger.spend("forward", arrival.at - self.ledger.now)
        yield from self.turns[arrival.client].enter(account)
        yield from self.medium.carry(load, account)
        self.turns[arrival.client].leave()
        seen[number] = Seen(self.ledger.now - arrival.at, load, account)

    def check_the_books(self, seen: Sequence[Seen]) -> None:
        """Every device's phases tile its time, energy adds up both ways and is that of the seconds on air, and Little holds."""
        now = self.ledger.now
        air_s = sum(one.load.own_s for one in seen)
        for meter in (*self.meters, self.server):
            assert meter.tiles(now)
            assert meter.adds_up(now)
        sent = [0.0 for _ in self.meters]
        for one in seen:
            sent[one.load.client] += one.load.own_s
            spent = one.account.seconds
            assert sum(spent.values()) == pytest.approx(one.stayed_s, rel=1e-9, abs=1e-12)
        for meter, seconds in zip(self.meters, sent, strict=True):
            assert meter.joules_until(now) == pytest.approx(CLIENT_W * now + TX_W * seconds)
        assert self.ledger.keeps_littles_law()
        assert self.medium.census.came == len(seen)
        assert self.server.joules_until(now) <= SERVER_W * now + RX_W * air_s * (1.0 + 1e-9)


@pytest.fixture
def city() -> type[City]:
    return City
