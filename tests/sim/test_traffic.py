"""Totals of what was sent, of rows whose numbers tell every column from every other."""

import math
from typing import Any

import pytest

from edgesim.rows import Transfer
from edgesim.sim.traffic import Traffic

ROW: dict[str, Any] = {
    "start_s": 1.0, "end_s": 3.0, "direction": "up", "sender": "client0", "receiver": "server", "label": "smashed",
    "client": 0, "step": 1, "values_bits": 2, "side_bits": 30, "labels_bits": 500, "model_bits": 7_000, "overhead_bits": 11_000,
    "paper_bits": 0.5, "code_bits": 0.25, "symbols": 13, "snr_db": 10.0, "packets": 17, "protected_packets": 6,
    "retransmissions": 0, "lost_packets": 0, "corrupted_values": 0, "wait_s": 9.0,
}  # fmt: skip


def row(**changed: Any) -> Transfer:
    return Transfer(**(ROW | changed))


def test_every_column_has_its_own_total() -> None:
    traffic = Traffic()
    traffic.add(row())
    traffic.add(row(end_s=2.0, snr_db=20.0, client=3, label="model", symbols=100))
    traffic.add(row(snr_db=math.inf, direction="down"))
    up, down = traffic.by_direction["up"], traffic.by_direction["down"]
    assert (up.values, up.side, up.labels, up.model, up.overhead) == (4, 60, 1000, 14_000, 22_000)
    assert (up.payload, up.wire) == (15_064, 37_064)
    assert (up.paper, up.code, up.symbols, up.transfers) == (1.0, 0.5, 113, 2)
    assert (up.packets, up.protected_packets) == (34, 12)
    assert up.by_label == {"smashed": [1, 7_532, 0.5, 0.25], "model": [1, 7_532, 0.5, 0.25]}
    assert up.by_client == {0: 18_532, 3: 18_532}
    assert (up.seconds, up.snr_span) == (3.0, 3.0)
    assert up.snr_seconds == pytest.approx(10.0 * 2.0 + 100.0 * 1.0)
    assert (down.seconds, down.snr_span, down.snr_seconds) == (2.0, 0.0, 0.0)
    assert [traffic.bits(ledger) for ledger in ("paper", "code", "wire")] == [1.5, 0.75, 3 * 18_532]
    assert traffic.symbols == 126


@pytest.mark.parametrize("name", ["retransmissions", "lost_packets", "corrupted_values"])
def test_each_harm_counts_alone(name: str) -> None:
    traffic = Traffic()
    for count in (5, 0, 2):
        traffic.add(row(**{name: count}))
    up = traffic.by_direction["up"]
    found = {each: getattr(up, each) for each in ("retransmissions", "lost_packets", "corrupted_values")}
    assert found == {each: 7 if each == name else 0 for each in found}


def test_what_was_cut_short_is_on_the_wire_and_under_no_label() -> None:
    traffic = Traffic()
    traffic.add(row(values_bits=0, side_bits=0, labels_bits=0, model_bits=0, delivered=False))
    up = traffic.by_direction["up"]
    assert (up.cut, up.transfers, up.by_label, up.by_client, up.paper) == (1, 1, {}, {0: 11_000}, 0.5)
