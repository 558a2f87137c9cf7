"""One direction between two devices."""

import math
from collections.abc import Generator, Sequence
from copy import copy
from typing import Any, Protocol

import simpy

from edgesim.rows import Transfer
from edgesim.sim.account import Account
from edgesim.sim.device import Device
from edgesim.sim.discipline import Load
from edgesim.sim.ledger import Charge, Ledger
from edgesim.sim.loads import became, loads
from edgesim.sim.mediums.base import Medium
from edgesim.sim.packets import LUCK, Chance
from edgesim.sim.radio import Airtime, Fading
from edgesim.sim.transports.base import Transport
from edgesim.sim.turn import Turn
from edgesim.wire import Manifest, Payload
from edgesim.work import Message

PHASE = {"up": "uplink", "down": "downlink"}
Loads = Sequence[tuple[Load, float]]  # what is brought to a medium, each with the silence after it [s]


class Air(Protocol):
    """What a link does to the tensors of its payloads. caught: how often it had to do something special about values."""

    caught: dict[str, int]

    def __call__(self, payload: Payload, harm: Any, transfer: int, /) -> Payload:
        """The payload as received, given the airtime's harm and the number of the transfer."""


class Link:
    """One direction of a radio link: one message at a time, first come first served.

    direction  up or down
    fading     the link's channel, a function of absolute time
    air        what the channel does to the tensors of a payload; None leaves them intact
    chance     what befalls packets and bits besides fading
    medium     which the link shares with others; None: nobody else is on the air
    """

    __slots__ = (
        "_ends", "_sleepers", "_turn", "air", "chance", "direction", "fading", "medium",
        "receiver", "sender", "transfers", "transport",
    )  # fmt: skip

    def __init__(
        self,
        ledger: Ledger,
        direction: str,
        sender: Device,
        receiver: Device,
        transport: Transport,
        fading: Fading,
        air: Air | None = None,
        chance: Chance = LUCK,
        medium: Medium | None = None,
    ) -> None:
        self.direction = direction
        self.sender = sender
        self.transport = transport
        self.fading = fading
        self.air = air
        self.chance = chance
        self.medium = medium if medium is not None and medium.shared else None
        self.transfers = 0
        self._turn = Turn(ledger)
        self._meet(receiver)

    def _meet(self, receiver: Device) -> None:
        self.receiver = receiver
        # In the same order for every link: two devices that send to each other never wait for each other for ever.
        radios = {end.name: end.radio for end in (self.sender, receiver) if end.radio is not None}
        self._ends = tuple(radios[name] for name in sorted(radios))
        self._sleepers = tuple(end for end in (self.sender, receiver) if end.promotion_s)

    @property
    def ledger(self) -> Ledger:
        """Of the world it belongs to."""
        return self.sender.ledger

    @property
    def _charges(self) -> tuple[Charge, Charge]:
        return self.sender.sending, self.receiver.receiving

    def towards(self, receiver: Device) -> "Link":
        """The same sender, channel and queue, and another receiver: a message from client to client."""
        twin = copy(self)
        twin._meet(receiver)
        return twin

    def plan(self, manifest: Manifest, start_s: float) -> Airtime:
        """What a message that begins at `start_s` [s] takes."""
        return self.transport.plan(manifest, start_s, self.fading, self.chance)

    def send(self, label: str, message: Message, account: Account) -> Generator[simpy.Event, Any, Message]:
        """Send a payload (or, timing only, its manifest) and give it as received."""
        ledger, phase = self.ledger, PHASE[self.direction]
        env = ledger.env
        arrived = env.now
        if not self._turn.take():
            yield from self._turn.enter(account)
        held = [self._turn]
        try:
            for radio in self._ends:
                yield from radio.enter(account)
                held.append(radio)
            for end in self._sleepers:
                yield from end.connect(phase, account)
            start = env.now
            manifest = message if isinstance(message, Manifest) else message.manifest
            airtime = self.plan(manifest, start)
            waited = start - arrived
            ledger.traffic.by_direction[self.direction].offered += manifest.bits
            brought: Loads = ()
            try:
                if self.medium is not None:
                    brought = loads(self.transport, manifest, airtime, self.fading, phase, account.client, self._charges)
                    airtime, shared_s = yield from self._share(manifest, airtime, brought, account)
                    waited += shared_s
                elif airtime.bursts:
                    for sending, silent in airtime.bursts:
                        yield from ledger.spend(phase, sending, *self._charges, account=account)
                        if silent:
                            yield from ledger.spend(phase, silent, account=account)
                else:
                    yield from ledger.spend(phase, airtime.seconds, *self._charges, account=account)
                ended = env.now
                if self.transport.radio.latency_s:
                    yield from ledger.spend(phase, self.transport.radio.latency_s, account=account)
            except simpy.Interrupt:
                self._book_part(label, manifest, airtime, brought, account, start, waited)
                raise
            self._book(label, manifest, airtime, account, start, ended, waited)
        finally:
            for turn in held:
                turn.leave()
        self.transfers += 1
        if self.air is not None and isinstance(message, Payload):
            return self.air(message, airtime.harm, self.transfers)
        return message

    def _share(
        self, manifest: Manifest, airtime: Airtime, brought: Loads, account: Account
    ) -> Generator[simpy.Event, Any, tuple[Airtime, float]]:
        """Send through the medium. Gives the airtime as it became there, and how long it waited [s]."""
        assert self.medium is not None
        for load, silent in brought:
            yield from self.medium.carry(load, account)
            if silent:
                yield from self.ledger.spend(PHASE[self.direction], silent, account=account)
        through = [load for load, _silent in brought]
        return became(self.transport, manifest, airtime, through), sum(load.waited_s for load in through)

    def _book_part(
        self, label: str, manifest: Manifest, airtime: Airtime, brought: Loads, account: Account, start: float, waited: float
    ) -> None:
        """Book a message that is cut short now: what had been on air of it, which is of no use."""
        spans, now = airtime.spans, self.ledger.now
        on_air = sum(load.own_s for load, _silent in brought) if brought else aired(spans, now - start)
        share = min(1.0, on_air / (sum(sending for sending, _silent in spans) or math.inf))
        packets = math.floor(share * airtime.packets)
        part = airtime._replace(
            overhead_bits=math.floor(share * (manifest.bits + airtime.overhead_bits)),
            symbols=math.floor(share * airtime.symbols),
            packets=packets,
            protected_packets=min(packets, airtime.protected_packets),  # they go first
            retransmissions=math.floor(share * airtime.retransmissions),
            lost_packets=0,
            corrupted_values=0,
        )
        useless = Manifest((), share * manifest.paper_bits, share * manifest.code_bits)
        self.ledger.traffic.by_direction[self.direction].lost += manifest.bits
        waited += sum(load.waited_s for load, _silent in brought)
        self._book(label, useless, part, account, start, now, waited, delivered=False)

    def _book(
        self,
        label: str,
        manifest: Manifest,
        airtime: Airtime,
        account: Account,
        start: float,
        ended: float,
        waited: float,
        delivered: bool = True,
    ) -> None:
        roles = manifest.by_role
        self.ledger.post(
            Transfer(  # by position, in the order of the columns: this is done for every message of a hundred thousand devices
                start,
                ended,
                self.direction,
                self.sender.name,
                self.receiver.name,
                label,
                account.client,
                account.step,
                roles["values"],
                roles["side"],
                roles["labels"],
                roles["model"],
                airtime.overhead_bits,
                manifest.paper_bits,
                manifest.code_bits,
                airtime.symbols,
                airtime.snr_db,
                airtime.packets,
                airtime.protected_packets,
                airtime.retransmissions,
                airtime.lost_packets,
                airtime.corrupted_values,
                waited,
                delivered,
            )
        )


def aired(spans: Sequence[tuple[float, float]], seconds: float) -> float:
    """How much of the first `seconds` of a transfer, (sending [s], silent [s]) one after the other, it was on air [s]."""
    on_air = 0.0
    for sending, silent in spans:
        on_air += min(sending, max(0.0, seconds))
        seconds -= sending + silent
    return on_air
