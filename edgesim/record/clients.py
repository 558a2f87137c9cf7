"""clients.csv: one row per client of a finished run with more than one."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from edgesim.record import atomic
from edgesim.rows import ClientTotal

FILE = "clients.csv"


def write(folder: Path, rows: Sequence[ClientTotal]) -> None:
    """Write the file, whole. An accuracy that is not known is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(ClientTotal._fields)
    writer.writerows(["" if value is None else repr(value) for value in row] for row in rows)
    atomic.write(folder / FILE, text.getvalue().encode())
