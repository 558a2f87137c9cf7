"""evaluations.csv: one row per look at the test set, small enough to be rewritten whole each time."""

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, get_type_hints

from edgesim.errors import UsageError
from edgesim.record import atomic, tables
from edgesim.rows import Evaluation

if TYPE_CHECKING:
    import pyarrow as pa

FILE = "evaluations.csv"
COLUMNS: dict[str, type[int] | type[float]] = get_type_hints(Evaluation)


class Evaluations:
    """The evaluations of one run; after each the file is whole."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._rows: list[Evaluation] = []
        self._write()

    @property
    def rows(self) -> int:
        """Evaluations until now."""
        return len(self._rows)

    def append(self, row: Evaluation) -> None:
        """Add one and write the file anew."""
        self._rows.append(row)
        self._write()

    def _write(self) -> None:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(Evaluation._fields)
        # repr: the shortest text that reads back equal; the conversion first, for NumPy scalars have another repr
        writer.writerows([repr(kind(value)) for kind, value in zip(COLUMNS.values(), row, strict=True)] for row in self._rows)
        atomic.write(self._path, text.getvalue().encode())


def read(folder: Path) -> "pa.Table":
    """evaluations.csv of a run folder as a table. Raises UsageError when it is not there."""
    import pyarrow as pa

    path = folder / FILE
    if not path.is_file():
        raise UsageError(f"{folder} holds no {FILE}")
    with path.open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    columns = {name: [kind(line[name]) for line in lines] for name, kind in COLUMNS.items()}
    return pa.table(columns, schema=tables.schema("evaluations"))
