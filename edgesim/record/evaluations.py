"""evaluations.csv: one row per look at the test set, small enough to be rewritten whole each time."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_type_hints

from edgesim.errors import RunError, UsageError
from edgesim.record import atomic, tables
from edgesim.rows import Evaluation

if TYPE_CHECKING:
    import pyarrow as pa

FILE = "evaluations.csv"
COLUMNS: dict[str, type[int] | type[float]] = get_type_hints(Evaluation)


class Evaluations:
    """The evaluations of one run; after each the file is whole.

    rows  that are in it from the beginning: those of a run that is resumed
    """

    def __init__(self, folder: Path, rows: Sequence[Evaluation] = ()) -> None:
        self._path = folder / FILE
        self._rows = [*rows]
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


def rows_of(folder: Path) -> list[Evaluation]:
    """The rows of evaluations.csv, none where it is not there. Raises RunError where they cannot be read."""
    path = folder / FILE
    if not path.is_file():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [Evaluation(**{name: kind(line[name]) for name, kind in COLUMNS.items()}) for line in csv.DictReader(file)]  # type: ignore[arg-type]  # columns say which
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise RunError(f"{path} cannot be read ({error})") from error


def read(folder: Path) -> "pa.Table":
    """evaluations.csv of a run folder as a table. Raises UsageError when it is not there, RunError where it cannot be read."""
    import pyarrow as pa

    if not (folder / FILE).is_file():
        raise UsageError(f"{folder} holds no {FILE}")
    rows = rows_of(folder)
    columns = {name: [getattr(row, name) for row in rows] for name in COLUMNS}
    return pa.table(columns, schema=tables.schema("evaluations"))
