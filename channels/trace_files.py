"""Traces of movement from CSV files."""

import csv
import io
import math
from pathlib import Path

from channels.mobility import Mobility, Trace, Walk

HEADERS = (["time_s", "distance_m"], ["time_s", "x_m", "y_m"])
MOST_BYTES = 16 << 20  # some half a million rows


def read_trace(path: str | Path, *, repeat: bool = False) -> Mobility:
    """The movement in a CSV file whose first line is `time_s,distance_m` or `time_s,x_m,y_m`, seconds and metres.

    Times rise, from 0 or later on; the station is at (0, 0). Raises OSError for a file that cannot be read, ValueError with
    file and line for one that is no such trace, or is larger than 16 MiB.
    """
    rows = _rows(Path(path))
    number, header = rows[0]
    names = [name.strip() for name in header]
    if names not in HEADERS:
        raise ValueError(f"{path}:{number}: the first line must be {' or '.join(map(','.join, HEADERS))}; got {_short(header)}")
    entries: list[list[float]] = []
    for number, row in rows[1:]:
        entry = _entry(row, names, f"{path}:{number}")
        if entries and not entry[0] > entries[-1][0]:
            raise ValueError(f"{path}:{number}: time_s must rise from row to row; got {entry[0]:g} after {entries[-1][0]:g}")
        entries.append(entry)
    if len(entries) < 2:
        raise ValueError(f"{path}: a trace needs at least two rows below the first line, got {len(entries)}")
    times, *columns = (list(column) for column in zip(*entries, strict=True))
    return Trace(times, columns[0], repeat=repeat) if len(columns) == 1 else Walk(times, *columns, repeat=repeat)


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """The rows that hold anything, with their line numbers; at least one."""
    if path.exists() and not path.is_file() and not path.is_dir():  # a pipe, say, that nobody writes to
        raise ValueError(f"{path}: not a regular file")
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ValueError(f"{path}: larger than {MOST_BYTES >> 20} MiB: thin the trace out, places are joined by straight lines")
    try:
        reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
        rows = [(reader.line_num, row) for row in reader if any(text.strip() for text in row)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: not a CSV file in UTF-8: {error}") from error
    if not rows:
        raise ValueError(f"{path}: the file is empty; its first line must be {' or '.join(map(','.join, HEADERS))}")
    return rows


def _entry(row: list[str], names: list[str], where: str) -> list[float]:
    if len(row) != len(names):
        raise ValueError(f"{where}: expected {len(names)} columns, {','.join(names)}; got {_short(row)}")
    numbers = [_number(text, name, where) for text, name in zip(row, names, strict=True)]
    for number, name in zip(numbers, names, strict=True):
        if number < 0.0 and name in ("time_s", "distance_m"):
            raise ValueError(f"{where}: {name} must not be negative, got {number:g}")
    return numbers


def _number(text: str, name: str, where: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{where}: {name} must be a finite number, got {text.strip()[:40]!r}")
    return number


def _short(row: list[str]) -> str:
    return repr(",".join(row)[:60])
