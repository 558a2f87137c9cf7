"""The table of a sweep: one row a point, what its axes say beside what its run found."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesim.errors import UsageError
from edgesim.record import atomic

if TYPE_CHECKING:
    import pyarrow as pa

FILE = "index.parquet"
NOT_REPEATABLE = ("wall_s",)  # figures of a summary that depend on the machine's mood, left out of the table
TEXTS = ("point", "label", "status", "path", "error")  # columns of text even where nothing is known


def write(folder: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write the table whole. rows: columns in order of first appearance; numbers, texts, booleans or None."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: _column(name, [row.get(name) for row in rows]) for name in names}
    path = folder / FILE
    with atomic.replacing(path) as temporary:
        pq.write_table(pa.table(columns), temporary, compression="zstd")
    return path


def read(folder: Path) -> "pa.Table":
    """The table of a sweep's folder. UsageError where there is none."""
    import pyarrow.parquet as pq

    path = folder / FILE
    if not path.is_file():
        raise UsageError(f"{folder} holds no {FILE}: it is no sweep, or one that was never ended; run the sweep again")
    return pq.ParquetFile(path).read()


def flat(summary: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """A summary's figures as one level: `xi.paper.up`. Lists, and what a second run would not repeat, are left out."""
    found: dict[str, Any] = {}
    for key, value in summary.items():
        name = f"{above}{key}"
        if isinstance(value, Mapping):
            found |= flat(value, f"{name}.")
        elif name not in NOT_REPEATABLE and not isinstance(value, list):
            found[name] = value
    return found


def _column(name: str, values: list[Any]) -> "pa.Array":
    """One type a column: truth, whole numbers, numbers or text; numbers where nothing is known."""
    import pyarrow as pa

    known = [value for value in values if value is not None]
    if known and all(isinstance(value, bool) for value in known):
        return pa.array(values, pa.bool_())
    if known and _all_whole(known):
        return pa.array(values, pa.int64())
    if name not in TEXTS and all(_is_number(value) for value in known):
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    return pa.array([None if value is None else str(value) for value in values], pa.string())


def _is_number(value: object) -> bool:
    return value in ("inf", "-inf") or (isinstance(value, int | float) and not isinstance(value, bool))


def _all_whole(values: Iterable[Any]) -> bool:
    return all(isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63 for value in values)
