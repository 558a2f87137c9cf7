"""The timeline, read as a viewer reads it: by process, thread and time."""

import gzip
import json
import math
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from edgesim.errors import UsageError
from edgesim.record import tables, timeline
from edgesim.record.folder import RunFolder
from edgesim.record.recorder import Recorder
from edgesim.rows import Transfer
from edgesim.sim.device import Device
from edgesim.sim.ledger import Ledger
from edgesim.work import Work

STEPS = 20
SNR_DB = {"up": 10.0, "down": math.inf}


def exchange(ledger: Ledger, client: Device, server: Device, step: int) -> Iterator[Any]:
    """A step of split learning with odd durations; transfers are booked by hand."""
    yield from client.run("forward", lambda: Work(None, 1.7))
    for direction, sender, receiver, seconds in (("up", client, server, 0.37), ("down", server, client, 0.0113)):
        start = ledger.now
        phase = {"up": "uplink", "down": "downlink"}[direction]
        yield from ledger.spend(phase, seconds, sender.sending, receiver.receiving)
        bits = {"values_bits": 320, "side_bits": 8, "labels_bits": 4, "model_bits": 0, "overhead_bits": 20}
        counts = {
            "symbols": 88,
            "packets": 1,
            "protected_packets": 1,
            "retransmissions": 0,
            "lost_packets": 0,
            "corrupted_values": 0,
        }
        who = {
            "direction": direction,
            "sender": sender.name,
            "receiver": receiver.name,
            "label": phase,
            "client": 0,
            "step": step,
        }
        charged = {"paper_bits": 300.5, "code_bits": 310.5, "snr_db": SNR_DB[direction], "wait_s": 0.0}
        ledger.post(Transfer(start_s=start, end_s=ledger.now, **who, **bits, **counts, **charged))  # type: ignore[arg-type]  # mixed
        if direction == "up":
            yield from server.run("server", lambda: Work(None, 0.123))


@pytest.fixture
def run(tmp_path: Path) -> tuple[Path, Ledger]:
    """The folder of a traced run of two clients and its ledger."""
    recorder = Recorder(RunFolder(tmp_path), trace=True)
    ledger = Ledger()
    server = Device("server", ledger, rate_flops=3.1, idle_w=1.0, active_w=2.0, tx_w=0.5, rx_w=0.2)

    def train(client: Device) -> Iterator[Any]:
        for step in range(1, STEPS + 1):
            yield from exchange(ledger, client, server, step)

    for number in range(2):
        client = Device(f"client{number}", ledger, rate_flops=7.3 + number, idle_w=1.0, active_w=2.0, tx_w=0.5, rx_w=0.2)
        ledger.env.process(train(client))  # type: ignore[arg-type]  # an iterator is a generator here
    ledger.listen(recorder.entry, recorder.transfer)
    ledger.env.run()
    ledger.close()
    recorder.close()
    return tmp_path, ledger


def parsed(path: Path) -> list[dict[str, Any]]:
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    return list(json.loads(text)["traceEvents"])


def by_thread(events: list[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Slices by the names of process and thread."""
    process = {event["pid"]: event["args"]["name"] for event in events if event["name"] == "process_name"}
    thread = {(event["pid"], event["tid"]): event["args"]["name"] for event in events if event["name"] == "thread_name"}
    grouped = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            grouped[process[event["pid"]], thread.get((event["pid"], event["tid"]), "")].append(event)
    return grouped


def test_events_are_in_order_and_slices_of_a_thread_never_overlap(run: tuple[Path, Ledger]) -> None:
    events = parsed(timeline.write(run[0]))
    times = [event["ts"] for event in events if event["ph"] != "M"]
    assert times == sorted(times)
    threads = by_thread(events)
    assert len(threads) == 3 * 4 + 4  # two clients, the server, four links
    for slices in threads.values():
        # as a viewer does it: whole nanoseconds, each number on its own
        spans = [(int(item["ts"] * 1000), int(item["dur"] * 1000)) for item in slices]
        assert all(start + length <= after for (start, length), (after, _) in pairwise(spans))


def test_seconds_on_each_track_are_the_seconds_of_the_book(run: tuple[Path, Ledger]) -> None:
    folder, ledger = run
    threads = by_thread(parsed(timeline.write(folder)))
    book = tables.read(folder, "entries").to_pylist()
    assert any("+" in row["state"] for row in book)  # the server receives from one client while it works for the other
    for actor in (meter.actor for meter in ledger.meters):
        for track in ("compute", "tx", "rx", "idle"):
            shown = sum(item["dur"] for item in threads[actor, track]) / 1e6
            booked = [
                row["end_s"] - row["start_s"] for row in book if row["actor"] == actor and track in row["state"].split("+")
            ]
            assert shown == pytest.approx(sum(booked), abs=1e-6)


def test_every_transfer_has_an_arrow_from_a_sending_to_a_receiving(run: tuple[Path, Ledger]) -> None:
    events = parsed(timeline.write(run[0]))
    process = {event["pid"]: event["args"]["name"] for event in events if event["name"] == "process_name"}
    threads = by_thread(events)
    starts = {event["id"]: event for event in events if event["ph"] == "s"}
    ends = {event["id"]: event for event in events if event["ph"] == "f"}
    assert len(starts) == len(ends) == 2 * 2 * STEPS
    for number, tail in starts.items():
        head = ends[number]
        assert (head["cat"], head["name"], head["bp"]) == (tail["cat"], tail["name"], "e")
        assert head["ts"] >= tail["ts"]
        for event, track in ((tail, "tx"), (head, "rx")):
            around = threads[process[event["pid"]], track]
            assert any(item["ts"] <= event["ts"] < item["ts"] + item["dur"] and item["tid"] == event["tid"] for item in around)


def test_links_show_transfers_with_their_size_and_noise(run: tuple[Path, Ledger]) -> None:
    events = parsed(timeline.write(run[0]))
    threads = by_thread(events)
    for direction, label, snr in (("up", "uplink client1 -> server", 10.0), ("down", "downlink server -> client0", "inf")):
        slices = threads[label, "transfers"]
        assert len(slices) == STEPS
        assert (slices[0]["args"]["bits"], slices[0]["args"]["symbols"], slices[0]["args"]["snr_db"]) == (352, 88, snr)
        assert slices[0]["name"] == f"{direction}link"
    noise = [event for event in events if event["ph"] == "C" and event["name"] == "SNR [dB]"]
    assert [event["args"] for event in noise] == [{"dB": 10.0}] * (2 * STEPS)  # the ideal downlink has none


def test_spent_bits_end_at_the_totals_of_the_three_ledgers(run: tuple[Path, Ledger]) -> None:
    folder, ledger = run
    counted = [event["args"] for event in parsed(timeline.write(folder)) if event["name"] == "spent bits"]
    assert counted[-1] == {name: ledger.traffic.bits(name) for name in ("paper", "code", "wire")}
    assert [item["wire"] for item in counted] == sorted(item["wire"] for item in counted)


def test_rows_of_the_viewer_are_devices_then_links_then_the_budget(run: tuple[Path, Ledger]) -> None:
    events = parsed(timeline.write(run[0]))
    place = {event["pid"]: event["args"]["sort_index"] for event in events if event["name"] == "process_sort_index"}
    names = [event for event in events if event["name"] == "process_name"]
    assert [event["args"]["name"] for event in sorted(names, key=lambda event: place[event["pid"]])] == [
        "client0",
        "client1",
        "server",
        "uplink client0 -> server",
        "downlink server -> client0",
        "uplink client1 -> server",
        "downlink server -> client1",
        "budget",
    ]


def test_clients_come_in_the_order_of_their_numbers() -> None:
    names = ["server", "client10", "client2", "client0"]
    assert sorted(names, key=timeline._natural) == ["client0", "client2", "client10", "server"]


def test_a_large_timeline_is_compressed_and_reproducible(run: tuple[Path, Ledger], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = run
    plain = timeline.write(folder).read_bytes()
    monkeypatch.setattr(timeline, "LARGEST_PLAIN_BYTES", 1000)
    packed = timeline.write(folder)
    assert packed.name == "timeline.json.gz"
    assert gzip.decompress(packed.read_bytes()) == plain
    assert not (folder / "timeline.json").exists()
    first = packed.read_bytes()
    assert timeline.write(folder).read_bytes() == first


def test_a_run_without_a_book_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"entries\.parquet.*--trace"):
        timeline.write(tmp_path)
