"""A run's tables as they were at a checkpoint, so that it can go on from there and leave no trace of how it ended."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from edgesim.errors import RunError
from edgesim.record import atomic, checkpoint, clients, evaluations, partition, tables, tensorboard
from edgesim.record.evaluations import Evaluations
from edgesim.record.folder import WEIGHTS

if TYPE_CHECKING:
    import pyarrow as pa

GROWING = tuple(name for name in tables.ROW_TYPES if name not in ("evaluations", partition.TABLE))  # tables of parts
OF_THE_END = ("summary.json", clients.FILE, WEIGHTS)  # what only a run that has ended holds


def rows(folder: Path) -> dict[str, int]:
    """How many rows of each table are on disk, merged or in parts."""
    found = {name: sum(map(_length, _files(folder, name))) for name in GROWING}
    return found | {"evaluations": len(evaluations.rows_of(folder))}


def rewind(folder: Path, kept: Mapping[str, int]) -> None:
    """Leave the first rows of each table, as many as `kept` says, and nothing of what came later; torn files go too.

    Stopped half-way, by a kill too, it can be done again. Raises RunError where a file cannot be written or read.
    """
    for torn in [path for path in folder.rglob(".*.tmp") if atomic.is_temporary(path)]:
        atomic.remove(torn)
    for name in (*OF_THE_END, tensorboard.FILE):  # the latter is made anew of the tables where it is wanted
        atomic.remove(folder / name)
    for name in GROWING:
        _rewind_table(folder, name, kept.get(name, 0))
    Evaluations(folder, evaluations.rows_of(folder)[: kept.get("evaluations", 0)])  # writes them


def forget(folder: Path, later_than: int = -1) -> None:
    """Remove the checkpoints after a step; all where none is given."""
    for path in checkpoint.everything(folder):
        if checkpoint.step_of(path) > later_than:
            atomic.remove(path)


def branch(source: Path, target: Path, kept: Mapping[str, int]) -> None:
    """Give a new run the first rows of another's tables, as many as `kept` says."""
    for name in GROWING:
        if kept.get(name, 0):
            _write_first(_files(source, name), target / f"{name}.part-00001.parquet", name, kept[name])
    Evaluations(target, evaluations.rows_of(source)[: kept.get("evaluations", 0)])


def _rewind_table(folder: Path, name: str, kept: int) -> None:
    merged, parts = folder / f"{name}.parquet", tables.parts_of(folder, name)
    if merged.is_file():  # it holds every row: the parts, if any, are what a kill left of merging them
        for part in parts:
            atomic.remove(part)
        if kept:
            _write_first([merged], folder / f"{name}.part-00001.parquet", name, kept)
        atomic.remove(merged)
        return
    ends = 0
    later = []
    for part in parts:
        began, ends = ends, ends + _length(part)
        if began >= kept:
            later.append(part)
        elif ends > kept:
            _write_first([part], part, name, kept - began)
    for part in reversed(later):  # the last first: what is left is always a beginning
        atomic.remove(part)


def _write_first(files: list[Path], target: Path, name: str, wanted: int) -> None:
    with atomic.whole(target) as file:
        tables.write(file, name, _first(files, wanted))


def _first(files: list[Path], wanted: int) -> "Iterator[pa.Table]":
    """The first rows of some Parquet files, group by group."""
    import pyarrow.parquet as pq

    for path in files:
        source = pq.ParquetFile(path)
        for number in range(source.num_row_groups):
            if not wanted:
                return
            group = source.read_row_group(number).slice(0, wanted)
            wanted -= len(group)
            yield group


def _files(folder: Path, name: str) -> list[Path]:
    merged = folder / f"{name}.parquet"
    return [merged] if merged.is_file() else tables.parts_of(folder, name)


def _length(path: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, pa.ArrowException) as error:
        raise RunError(f"{path} cannot be read ({error}); restore it, or start the run anew without --resume") from error
