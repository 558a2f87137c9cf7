"""The simulated timeline of a run in the Chrome trace-event format, which ui.perfetto.dev and chrome://tracing open.

One process per device with a thread each for computing, sending, receiving and idling; one process per link and direction with
its transfers and their SNR as a counter; one process with the spent bits as a counter; an arrow from each sending to its
receiving. Times are microseconds of simulated time. The format asks that slices of one thread nest, or viewers drop them.
"""

import gzip
import json
import math
import re
import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from edgesim.errors import UsageError
from edgesim.record import atomic, tables
from edgesim.record.tracks import RX, TRACKS, TX, slices
from edgesim.rows import Entry, Transfer

FILE = "timeline.json"
LARGEST_PLAIN_BYTES = 50_000_000  # a larger file is compressed; the viewers open both
COMPRESSION_LEVEL = 6
# Viewers turn microseconds into whole nanoseconds. Eighths of a microsecond survive that exactly in binary floating point for
# 100 days of simulated time, so slices that touch still touch and none overlaps its neighbour by a rounding error.
TICKS_PER_US = 8
SLICE, ARROW, COUNTER = range(3)  # order of events of one instant: an arrow binds to the slice before it


class _Event(NamedTuple):
    """One line of the file; sorts by time, then by kind."""

    ticks: int
    order: int
    text: str


class _Place(NamedTuple):
    """Where the viewer shows something: process and thread."""

    pid: int
    tid: int = 1


def write(folder: Path) -> Path:
    """Write the timeline of a run beside its tables and give its path: timeline.json, or timeline.json.gz if that is large.

    Raises UsageError when the run kept no book.
    """
    if not tables.exists(folder, "entries"):
        raise UsageError(f"{folder} holds no entries.parquet, which the timeline is drawn from; run it again with --trace")
    entries = [Entry(*row) for row in _rows(folder, "entries")]
    transfers = [Transfer(*row) for row in _rows(folder, "transfers")]
    plain, packed = folder / FILE, folder / f"{FILE}.gz"
    with atomic.replacing(plain) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write('{"displayTimeUnit":"ms","traceEvents":[\n')
        file.write(",\n".join(_lines(entries, transfers)))
        file.write("\n]}\n")
    packed.unlink(missing_ok=True)
    return plain if plain.stat().st_size <= LARGEST_PLAIN_BYTES else _pack(plain, packed)


def _rows(folder: Path, name: str) -> Iterator[tuple[Any, ...]]:
    table = tables.read(folder, name)
    return zip(*(column.to_pylist() for column in table.columns), strict=True)


def _pack(plain: Path, packed: Path) -> Path:
    with (
        plain.open("rb") as file,
        atomic.replacing(packed) as temporary,
        temporary.open("wb") as out,
        gzip.GzipFile("", "wb", COMPRESSION_LEVEL, out, 0) as zipped,  # without name and time: equal timelines, equal files
    ):
        shutil.copyfileobj(file, zipped)
    plain.unlink()
    return packed


def _lines(entries: list[Entry], transfers: list[Transfer]) -> Iterator[str]:
    """All events as JSON texts: the names, then everything in order of time."""
    book: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        book[entry.actor].append(entry)
    links: dict[str, list[Transfer]] = defaultdict(list)
    for transfer in sorted(transfers, key=_link_order):
        links[f"{transfer.direction}link {transfer.sender} -> {transfer.receiver}"].append(transfer)
    devices = sorted({*book, *(end for row in transfers for end in (row.sender, row.receiver))}, key=_natural)
    pids = {name: pid for pid, name in enumerate([*devices, *links, "budget"], 1)}
    for name, pid in pids.items():
        yield from _introduction(pid, name, TRACKS if name in devices else ("transfers",))
    events = list(_arrows(pids, transfers))
    events += _spent(pids["budget"], transfers)
    for actor, its_entries in book.items():
        events += _device(pids[actor], its_entries)
    for name, its_transfers in links.items():
        events += _link(pids[name], its_transfers)
    events.sort(key=lambda event: event[:2])  # stable
    yield from (event.text for event in events)


def _introduction(pid: int, name: str, threads: tuple[str, ...]) -> Iterator[str]:
    """The names and the order of a process and its threads."""
    for fact, arguments in (("process_name", {"name": name}), ("process_sort_index", {"sort_index": pid})):
        yield json.dumps({"ph": "M", "name": fact, "pid": pid, "args": arguments})
    for tid, thread in enumerate(threads, 1):
        for fact, arguments in (("thread_name", {"name": thread}), ("thread_sort_index", {"sort_index": tid})):
            yield json.dumps({"ph": "M", "name": fact, "pid": pid, "tid": tid, "args": arguments})


def _device(pid: int, entries: list[Entry]) -> Iterator[_Event]:
    for item in slices(entries):
        where = _Place(pid, _tid(item.track))
        yield _slice(where, item.name, item.start_s, item.end_s, {"joules": item.joules})


def _link(pid: int, transfers: list[Transfer]) -> Iterator[_Event]:
    """The transfers of one link and direction, and their SNR; a transfer without noise has none."""
    for row in transfers:
        bits = {key: getattr(row, key) for key in row._fields if key.endswith("_bits")}
        sent = row.values_bits + row.side_bits + row.labels_bits + row.model_bits + row.overhead_bits
        finite = math.isfinite(row.snr_db)
        arguments = {"step": row.step, "bits": sent, **bits, "symbols": row.symbols, "snr_db": row.snr_db if finite else "inf"}
        arguments |= {key: getattr(row, key) for key in ("packets", "retransmissions", "lost_packets", "wait_s")}
        yield _slice(_Place(pid), row.label, row.start_s, row.end_s, arguments)
        if finite:
            yield _event(_ticks(row.start_s), COUNTER, _Place(pid), ph="C", name="SNR [dB]", args={"dB": row.snr_db})


def _arrows(pids: dict[str, int], transfers: list[Transfer]) -> Iterator[_Event]:
    """An arrow from the beginning of each sending to the end of its receiving; none for a transfer that takes no time."""
    for number, row in enumerate(transfers, 1):
        start, end = _ticks(row.start_s), _ticks(row.end_s)
        if start == end:  # no slice to bind to
            continue
        arrow = {"cat": "transfer", "name": row.label, "id": number}
        yield _event(start, ARROW, _Place(pids[row.sender], _tid(TX)), ph="s", **arrow)
        yield _event(end - 1, ARROW, _Place(pids[row.receiver], _tid(RX)), ph="f", bp="e", **arrow)


def _spent(pid: int, transfers: list[Transfer]) -> Iterator[_Event]:
    """All bits sent until now under the three ledgers."""
    spent = {"paper": 0.0, "code": 0.0, "wire": 0.0}
    for row in sorted(transfers, key=lambda item: item.end_s):
        spent["paper"] += row.paper_bits
        spent["code"] += row.code_bits
        spent["wire"] += row.values_bits + row.side_bits + row.labels_bits + row.model_bits + row.overhead_bits
        yield _event(_ticks(row.end_s), COUNTER, _Place(pid), ph="C", name="spent bits", args=spent)


def _slice(where: _Place, name: str, start_s: float, end_s: float, arguments: dict[str, Any]) -> _Event:
    start = _ticks(start_s)
    duration = (_ticks(end_s) - start) / TICKS_PER_US  # of rounded ends, so that rounding never accumulates
    return _event(start, SLICE, where, ph="X", name=name, dur=duration, args=arguments)


def _event(ticks: int, order: int, where: _Place, **facts: Any) -> _Event:
    whole = {"ts": ticks / TICKS_PER_US, "pid": where.pid, "tid": where.tid, **facts}
    return _Event(ticks, order, json.dumps(whole, allow_nan=False, separators=(",", ":")))


def _ticks(seconds: float) -> int:
    return round(seconds * 1e6 * TICKS_PER_US)


def _tid(track: str) -> int:
    return TRACKS.index(track) + 1


def _link_order(row: Transfer) -> tuple[list[tuple[int, str]], bool]:
    """Client by client, its uplink before its downlink."""
    upward = row.direction == "up"
    return _natural(row.sender if upward else row.receiver), not upward


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts client2 before client10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
