"""Totals of everything that was sent."""

import math
from dataclasses import dataclass, field

from edgesim.rows import Transfer


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
        total.values += row.values_bits
        total.side += row.side_bits
        total.labels += row.labels_bits
        total.model += row.model_bits
        total.overhead += row.overhead_bits
        total.paper += row.paper_bits
        total.code += row.code_bits
        total.symbols += row.symbols
        total.packets += row.packets
        total.retransmissions += row.retransmissions
        total.lost_packets += row.lost_packets
        total.corrupted_values += row.corrupted_values
        total.transfers += 1
        payload = row.values_bits + row.side_bits + row.labels_bits + row.model_bits
        if row.delivered:
            of_label = total.by_label.setdefault(row.label, [0, 0, 0.0, 0.0])
            of_label[0] += 1
            of_label[1] += payload
            of_label[2] += row.paper_bits
            of_label[3] += row.code_bits
        else:
            total.cut += 1
        total.by_client[row.client] = total.by_client.get(row.client, 0) + payload + row.overhead_bits
        seconds = row.end_s - row.start_s
        total.seconds += seconds
        if math.isfinite(row.snr_db):
            total.snr_seconds += 10.0 ** (row.snr_db / 10.0) * seconds
            total.snr_span += seconds

    def bits(self, ledger: str) -> float:
        """Everything sent both ways under one ledger: paper, code or wire [bit]."""
        return float(sum(getattr(total, ledger) for total in self.by_direction.values()))

    @property
    def symbols(self) -> int:
        """Complex channel uses, both ways."""
        return sum(total.symbols for total in self.by_direction.values())
