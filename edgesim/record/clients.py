"""clients.csv: one row per client of a finished run with more than one."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from edgesim.record import atomic
from edgesim.rows import ClientTotal

FILE = "clients.csv"


def read(folder: Path) -> list[dict[str, str]]:
    """The rows as they are written, none where the file is not there."""
    path = folder / FILE
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(folder: Path, rows: Sequence[ClientTotal]) -> None:
    """Write the file, whole. An accuracy that is not known is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(ClientTotal._fields)
    writer.writerows(["" if value is None else repr(value) for value in row] for row in rows)
    atomic.write(folder / FILE, text.getvalue().encode())
