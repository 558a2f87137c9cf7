"""varied.csv: what every client drew, where something differs from client to client."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgesim.record import atomic

FILE = "varied.csv"


def write(folder: Path, drawn: Sequence[Mapping[str, float]]) -> None:
    """Write the file, whole: a row for each client, a column for each knob, an empty cell where the client drew no such value.

    drawn  by knob, [clients]
    """
    knobs = list(dict.fromkeys(knob for own in drawn for knob in own))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["client", *knobs])
    writer.writerows([number, *(repr(own[knob]) if knob in own else "" for knob in knobs)] for number, own in enumerate(drawn))
    atomic.write(folder / FILE, text.getvalue().encode())
