"""Windows of time, client by client, from CSV files."""

import csv
import io
import math
from pathlib import Path

from edgesim.sim.windows import Window

HEADER = ["client", "from_s", "to_s"]
MOST_BYTES = 64 << 20  # some three million rows


def read_windows(path: str | Path) -> dict[int, list[Window]]:
    """The windows in a CSV file whose first line is `client,from_s,to_s`: a client's number, seconds; `to_s` may be inf.

    Raises OSError for a file that cannot be read, ValueError with file and line for one that is no such list.
    """
    path = Path(path)
    if path.exists() and not path.is_file() and not path.is_dir():  # a pipe, say, that nobody writes to
        raise ValueError(f"{path}: not a regular file")
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ValueError(f"{path}: larger than {MOST_BYTES >> 20} MiB: split it by groups of clients")
    windows: dict[int, list[Window]] = {}
    try:
        reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
        header = next(reader, [])
        if [name.strip() for name in header] != HEADER:
            raise ValueError(f"{path}:1: the first line must be {','.join(HEADER)}; got {','.join(header)[:60]!r}")
        for row in reader:
            if any(text.strip() for text in row):
                client, window = _read(row, f"{path}:{reader.line_num}")
                windows.setdefault(client, []).append(window)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: not a CSV file in UTF-8: {error}") from error
    return windows


def _read(row: list[str], where: str) -> tuple[int, Window]:
    try:
        client, begin, end = int(row[0]), float(row[1]), float(row[2])
    except (ValueError, IndexError):
        raise ValueError(f"{where}: expected a client's number and two times, got {','.join(row)[:60]!r}") from None
    if len(row) != len(HEADER) or client < 0 or not (0.0 <= begin < math.inf and begin < end):
        raise ValueError(f"{where}: need client >= 0 and 0 <= from_s < to_s, got {','.join(row)[:60]!r}")
    return client, Window(begin, end)
