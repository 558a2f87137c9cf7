"""Result tables as Parquet files that grow part by part.

A Parquet file is unreadable until its end is written, so a table grows by numbered part files, each whole; at the end they are
merged into one. A kill loses at most the rows since the last part. The merged file depends on the rows alone, not on when the
parts were cut.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Generic, NamedTuple, TypeVar, get_type_hints

from edgesim.errors import UsageError
from edgesim.record import atomic
from edgesim.rows import Block, Entry, Evaluation, Fault, Holding, Names, NonFinite, Round, Step, Transfer

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_PART = 20_000
SECONDS_PER_PART = 30.0  # wall clock
ROWS_PER_GROUP = 65_536  # of the merged file: large enough to compress, small enough to hold a few in memory
COMPRESSION = "zstd"
ROW_TYPES: dict[str, type[NamedTuple]] = {
    "steps": Step,
    "transfers": Transfer,
    "entries": Entry,
    "evaluations": Evaluation,
    "partition": Holding,
    "rounds": Round,
    "faults": Fault,
    "non_finite": NonFinite,
}

Row = TypeVar("Row", bound=tuple[Any, ...])


class Table(Generic[Row]):
    """One growing table. Appending a row costs a fraction of a microsecond; columns are built when a part is written.

    folder   the run folder
    name     of the table: `<name>.part-00001.parquet` while it grows, `<name>.parquet` in the end
    seconds  a part is written after this long [s of wall clock] ...
    limit    ... or this many rows
    clock    gives the wall clock [s]
    rows     that the parts which are there hold: the table of a run that is resumed grows on
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        *,
        limit: int = ROWS_PER_PART,
        seconds: float = SECONDS_PER_PART,
        clock: Callable[[], float] = time.monotonic,
        rows: int = 0,
    ) -> None:
        self.folder = folder
        self.name = name
        self._limit = limit
        self._seconds = seconds
        self._clock = clock
        self._due = clock() + seconds
        self._pending: list[Row] = []
        self._blocks: list[pa.Table] = []  # that came before those
        self._in_blocks = 0
        self._written = rows
        self._parts = len(parts_of(folder, name)) if rows else 0

    @property
    def rows(self) -> int:
        """Rows appended until now."""
        return self._written + self._in_blocks + len(self._pending)

    def append(self, row: Row) -> None:
        """Add a row; now and then this writes a part."""
        self._pending.append(row)
        if len(self._pending) >= self._limit or self._clock() >= self._due:
            self.flush()

    def extend(self, block: Block) -> None:
        """Add many rows, given as columns."""
        if self._pending:
            self._blocks.append(_as_arrow(self.name, self._pending))
            self._in_blocks += len(self._pending)
            self._pending = []
        self._blocks.append(_block_as_arrow(self.name, block))
        self._in_blocks += block.rows
        if self._in_blocks >= self._limit or self._clock() >= self._due:
            self.flush()

    def flush(self) -> None:
        """Write everything appended until now to disk."""
        self._due = self._clock() + self._seconds
        blocks = self._blocks + ([_as_arrow(self.name, self._pending)] if self._pending else [])
        if not blocks:
            return
        path = self.folder / f"{self.name}.part-{self._parts + 1:05d}.parquet"
        with atomic.whole(path) as file:
            write(file, self.name, iter(blocks))
        self._parts += 1
        self._written = self.rows
        self._pending, self._blocks, self._in_blocks = [], [], 0

    def close(self) -> Path:
        """Merge the parts into one file, row group by row group, and remove them."""
        self.flush()
        merged = self.folder / f"{self.name}.parquet"
        parts = parts_of(self.folder, self.name)
        if not merged.is_file():  # where it is, it holds every row, and the parts are what could not be removed
            with atomic.whole(merged) as file:
                write(file, self.name, _regrouped(self.name, parts))
        for part in parts:
            atomic.remove(part)
        return merged


def schema(name: str) -> "pa.Schema":
    """The columns of the table `name`, in the order of its row type."""
    import pyarrow as pa

    arrow = {int: pa.int64(), float: pa.float64(), str: pa.string(), bool: pa.bool_()}
    columns = get_type_hints(ROW_TYPES[name]).items()
    return pa.schema([pa.field(column, arrow[kind], nullable=False) for column, kind in columns])


def exists(folder: Path, name: str) -> bool:
    """Whether a run folder holds the table `name`, merged or in parts."""
    return (folder / f"{name}.parquet").is_file() or bool(parts_of(folder, name))


def read(folder: Path, name: str) -> "pa.Table":
    """The table `name` of a run folder: the merged file, or the parts a killed run left.

    Raises UsageError when there is neither.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    merged = folder / f"{name}.parquet"
    if merged.is_file():
        return pq.ParquetFile(merged).read()  # not read_table, which makes columns of folder names such as `a=1`
    parts = parts_of(folder, name)
    if not parts:
        raise UsageError(f"{folder} holds no table {name!r} ({name}.parquet or its parts)")
    return pa.concat_tables([pq.ParquetFile(part).read() for part in parts])


def last(folder: Path, name: str) -> dict[str, Any] | None:
    """The latest row of the table `name` that is on disk, also while the run writes; None where there is none."""
    import pyarrow.parquet as pq

    for _ in range(2):  # parts may be merged and removed while we look
        merged = folder / f"{name}.parquet"
        path = merged if merged.is_file() else next(reversed(parts_of(folder, name)), None)
        try:
            file = pq.ParquetFile(path) if path is not None else None
        except FileNotFoundError:
            continue
        if file is None or not file.metadata.num_rows:
            return None
        group = file.read_row_group(file.num_row_groups - 1)
        row: dict[str, Any] = group.slice(len(group) - 1).to_pylist()[0]
        return row
    return None


def parts_of(folder: Path, name: str) -> list[Path]:
    """The part files of a table that grows, in order."""
    return sorted(folder.glob(f"{name}.part-*.parquet"))


def _block_as_arrow(name: str, block: Block) -> "pa.Table":
    import pyarrow as pa

    shape = schema(name)
    arrays = [
        pa.array(column.texts).take(pa.array(column.which)) if isinstance(column, Names) else pa.array(column, field.type)
        for column, field in zip(block.columns, shape, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=shape)


def _as_arrow(name: str, rows: list[Row]) -> "pa.Table":
    import pyarrow as pa

    shape = schema(name)
    columns = [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), shape, strict=True)]
    return pa.Table.from_arrays(columns, schema=shape)


def write(file: BinaryIO, name: str, groups: "Iterator[pa.Table]") -> None:
    """Write the table `name`, a row group for each of `groups`, to an open file."""
    import pyarrow.parquet as pq

    shape = schema(name)
    # dictionaries only where texts repeat: on mostly distinct numbers they double the file
    texts = [field.name for field in shape if field.type == "string"]
    with pq.ParquetWriter(file, shape, compression=COMPRESSION, use_dictionary=texts) as writer:
        for group in groups:
            writer.write_table(group.combine_chunks(), row_group_size=max(len(group), 1))
            del group  # before the next is made


def _regrouped(name: str, parts: list[Path]) -> "Iterator[pa.Table]":
    """The rows of the parts in groups of ROWS_PER_GROUP, so that the file does not show where the parts were cut.

    No more than a group and a part are in memory, whatever the size of the table.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    shape, held = schema(name), 0
    waiting: list[list[pa.Array]] = [[] for _field in shape]
    for part in parts:
        with pq.ParquetFile(part) as file:
            found = file.read(use_threads=False)
        for column, more in zip(waiting, found.columns, strict=True):
            column += more.chunks
        held += len(found)
        del found, more
        while held >= ROWS_PER_GROUP:
            yield _taken(waiting, ROWS_PER_GROUP, shape)
            held -= ROWS_PER_GROUP
    if held:
        yield _taken(waiting, held, shape)
    pa.default_memory_pool().release_unused()


def _taken(waiting: "list[list[pa.Array]]", rows: int, shape: "pa.Schema") -> "pa.Table":
    """The first rows, which leave `waiting` column by column, so that no more than one column is there twice."""
    import pyarrow as pa

    columns = []
    for column in waiting:
        chunks = pa.chunked_array(column)
        columns.append(pa.concat_arrays(chunks.slice(0, rows).chunks))
        column[:] = chunks.slice(rows).chunks
        del chunks
    return pa.Table.from_arrays(columns, schema=shape)
