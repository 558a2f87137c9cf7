"""Totals of everything that was sent."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from edgesim.rows import Transfer
from edgesim.sim.sums import in_order
from edgesim.wire import ROLES, Manifest


@dataclass(slots=True)
class Direction:
    """Totals of one direction, in bits unless said otherwise. `payload` is the sum over the roles."""

    values: int = 0
    side: int = 0
    labels: int = 0
    model: int = 0
    overhead: int = 0
    paper: float = 0.0
    code: float = 0.0
    symbols: int = 0
    packets: int = 0
    protected_packets: int = 0
    retransmissions: int = 0
    lost_packets: int = 0
    corrupted_values: int = 0
    transfers: int = 0
    offered: int = 0  # payload of all messages whose sending began, delivered or not
    lost: int = 0  # payload of those that were cut short
    cut: int = 0  # how many those were
    by_label: dict[str, list[float]] = field(
        default_factory=dict
    )  # of each label: delivered transfers, payload, paper, code bits
    by_client: dict[int, int] = field(default_factory=dict)  # bits on the wire of each client
    seconds: float = 0.0
    snr_seconds: float = 0.0  # linear SNR times seconds, over transfers of finite SNR
    snr_span: float = 0.0

    def add_messages(self, sorts: Sequence[tuple[str, Manifest]], which: np.ndarray) -> None:
        """Count delivered messages of few sorts, label and sizes, given which each is, [messages] int in their order."""
        for (label, sizes), count in zip(sorts, np.bincount(which, minlength=len(sorts)).tolist(), strict=True):
            if count:
                for role in ROLES:
                    setattr(self, role, getattr(self, role) + count * sizes.by_role[role])
                self.offered += count * sizes.bits
                of_label = self.by_label.setdefault(label, [0, 0, 0.0, 0.0])
                of_label[0] += count
                of_label[1] += count * sizes.bits
        self.transfers += len(which)
        paper, code = (
            np.array([getattr(sizes, name) for _label, sizes in sorts])[which] for name in ("paper_bits", "code_bits")
        )
        self.paper, self.code = in_order(self.paper, paper), in_order(self.code, code)
        for label in dict.fromkeys(label for label, _sizes in sorts):
            mine = np.array([each == label for each, _sizes in sorts])[which]
            if mine.any():
                of_label = self.by_label[label]
                of_label[2:] = in_order(of_label[2], paper[mine]), in_order(of_label[3], code[mine])

    def add_airtime(self, seconds: np.ndarray, snr: np.ndarray, counts: Mapping[str, int]) -> None:
        """Count what transfers took, in their order: time [s], linear SNR (NaN: no noise), and totals by name."""
        for name, count in counts.items():
            setattr(self, name, getattr(self, name) + count)
        self.seconds = in_order(self.seconds, seconds)
        noisy = ~np.isnan(snr)
        self.snr_seconds = in_order(self.snr_seconds, snr[noisy] * seconds[noisy])
        self.snr_span = in_order(self.snr_span, seconds[noisy])

    def add_clients(self, bits: Mapping[int, int]) -> None:
        """Count bits on the wire, by client."""
        for client, more in bits.items():
            self.by_client[client] = self.by_client.get(client, 0) + more

    @property
    def payload(self) -> int:
        return self.values + self.side + self.labels + self.model

    @property
    def wire(self) -> int:
        return self.payload + self.overhead


def _directions() -> dict[str, Direction]:
    return {"up": Direction(), "down": Direction()}


@dataclass(slots=True)
class Traffic:
    """Both directions."""

    by_direction: dict[str, Direction] = field(default_factory=_directions)

    def add(self, row: Transfer) -> None:
        """Count one transfer."""
        total = self.by_direction[row.direction]
        values, side, labels, model, overhead, paper, code = row[8:15]  # by name it takes three times as long
        total.values += values
        total.side += side
        total.labels += labels
        total.model += model
        total.overhead += overhead
        total.paper += paper
        total.code += code
        total.symbols += row.symbols
        total.packets += row.packets
        total.protected_packets += row.protected_packets
        if row.retransmissions or row.lost_packets or row.corrupted_values:
            total.retransmissions += row.retransmissions
            total.lost_packets += row.lost_packets
            total.corrupted_values += row.corrupted_values
        total.transfers += 1
        payload = values + side + labels + model
        if row.delivered:
            of_label = total.by_label.setdefault(row.label, [0, 0, 0.0, 0.0])
            of_label[0] += 1
            of_label[1] += payload
            of_label[2] += paper
            of_label[3] += code
        else:
            total.cut += 1
        client = row.client
        total.by_client[client] = total.by_client.get(client, 0) + payload + overhead
        seconds = row.end_s - row.start_s
        total.seconds += seconds
        snr_db = row.snr_db
        if math.isfinite(snr_db):
            total.snr_seconds += 10.0 ** (snr_db / 10.0) * seconds
            total.snr_span += seconds

    def bits(self, ledger: str) -> float:
        """Everything sent both ways under one ledger: paper, code or wire [bit]."""
        return float(sum(getattr(total, ledger) for total in self.by_direction.values()))

    @property
    def symbols(self) -> int:
        """Complex channel uses, both ways."""
        return sum(total.symbols for total in self.by_direction.values())
