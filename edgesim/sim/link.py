"""One direction between two devices."""

from collections.abc import Generator, Mapping
from typing import Any, Protocol

import simpy

from edgesim.rows import Transfer
from edgesim.sim.account import Account
from edgesim.sim.device import Device
from edgesim.sim.ledger import Ledger
from edgesim.sim.packets import LUCK, Chance
from edgesim.sim.radio import Airtime, Fading
from edgesim.sim.transports.base import Transport
from edgesim.sim.turn import Turn
from edgesim.wire import Manifest, Payload
from edgesim.work import Message

PHASE = {"up": "uplink", "down": "downlink"}


class Air(Protocol):
    """What a link does to the tensors of its payloads. caught: how often it had to do something special about values."""

    @property
    def caught(self) -> Mapping[str, int]: ...

    def __call__(self, payload: Payload, harm: Any, transfer: int, /) -> Payload:
        """The payload as received, given the airtime's harm and the number of the transfer."""


class Link:
    """A dedicated radio link: one message at a time, first come first served.

    direction  up or down
    fading     the link's channel, a function of absolute time
    air        what the channel does to the tensors of a payload; None leaves them intact
    chance     what befalls packets and bits besides fading
    """

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
    ) -> None:
        self.ledger = ledger
        self.direction = direction
        self.sender = sender
        self.receiver = receiver
        self.transport = transport
        self.fading = fading
        self.air = air
        self.chance = chance
        self.transfers = 0
        self._turn = Turn(ledger)

    def send(self, label: str, message: Message, account: Account) -> Generator[simpy.Event, Any, Message]:
        """Send a payload (or, timing only, its manifest) and give it as received."""
        arrived = self.ledger.now
        yield from self._turn.enter(account)
        try:
            start = self.ledger.now
            manifest = message if isinstance(message, Manifest) else message.manifest
            airtime = self.transport.plan(manifest, start, self.fading, self.chance)
            phase = PHASE[self.direction]
            charges = (self.sender.sending, self.receiver.receiving)
            for sending, silent in airtime.spans or ((0.0, 0.0),):
                yield from self.ledger.spend(phase, sending, *charges, account=account)
                if silent:
                    yield from self.ledger.spend(phase, silent, account=account)
            if self.transport.radio.latency_s:
                yield from self.ledger.spend(phase, self.transport.radio.latency_s, account=account)
            self._book(label, manifest, airtime, account, arrived, start)
        finally:
            self._turn.leave()
        self.transfers += 1
        if self.air is not None and isinstance(message, Payload):
            return self.air(message, airtime.harm, self.transfers)
        return message

    def _book(self, label: str, manifest: Manifest, airtime: Airtime, account: Account, arrived: float, start: float) -> None:
        roles = manifest.by_role
        self.ledger.post(
            Transfer(
                start_s=start,
                end_s=start + airtime.seconds,
                direction=self.direction,
                sender=self.sender.name,
                receiver=self.receiver.name,
                label=label,
                client=account.client,
                step=account.step,
                values_bits=roles["values"],
                side_bits=roles["side"],
                labels_bits=roles["labels"],
                model_bits=roles["model"],
                overhead_bits=airtime.overhead_bits,
                paper_bits=manifest.paper_bits,
                code_bits=manifest.code_bits,
                symbols=airtime.symbols,
                snr_db=airtime.snr_db,
                packets=airtime.packets,
                retransmissions=airtime.retransmissions,
                lost_packets=airtime.lost_packets,
                corrupted_values=airtime.corrupted_values,
                wait_s=start - arrived,
            )
        )
