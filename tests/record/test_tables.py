"""Tables that survive a kill and depend on the rows alone."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from edgesim.errors import UsageError
from edgesim.record import evaluations, tables
from edgesim.record.evaluations import Evaluations
from edgesim.record.folder import RunFolder
from edgesim.record.recorder import Recorder
from edgesim.record.tables import Table
from edgesim.rows import Entry, Evaluation, Step, Transfer


def step(number: int) -> Step:
    seconds = (0.01, 0.0, 0.0, 0.05, 0.02, 0.01, 0.01)
    return Step(number, number % 3, 1, number * 0.1, number * 0.1 + 0.1, *seconds, 0.3, 1 / number, 0.1, 2.0, 0.0, 1.0)


def entry(number: int) -> Entry:
    return Entry(number * 1.0, number + 1.0, f"client{number % 2}", "forward", "compute", 4.0, 4.0)


def write(folder: Path, rows: int, **knobs: Any) -> Table[Step]:
    folder.mkdir(exist_ok=True)
    table: Table[Step] = Table(folder, "steps", **knobs)
    for number in range(1, rows + 1):
        table.append(step(number))
    return table


@pytest.mark.parametrize(("name", "kind"), [("steps", Step), ("transfers", Transfer), ("entries", Entry)])
def test_columns_are_those_of_the_row_type(name: str, kind: Any) -> None:
    arrow = {int: pa.int64(), float: pa.float64(), str: pa.string(), bool: pa.bool_()}
    assert [(field.name, field.type) for field in tables.schema(name)] == [
        (k, arrow[v]) for k, v in get_type_hints(kind).items()
    ]


def test_rows_come_back_equal_and_in_order(tmp_path: Path) -> None:
    write(tmp_path, 100, limit=7).close()
    back = [Step(**row) for row in tables.read(tmp_path, "steps").to_pylist()]
    assert back == [step(number) for number in range(1, 101)]
    assert [path.name for path in tmp_path.iterdir()] == ["steps.parquet"]


def test_the_file_depends_on_the_rows_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "ROWS_PER_GROUP", 64)  # several groups without many rows
    files = [write(tmp_path / str(limit), 300, limit=limit).close().read_bytes() for limit in (3, 50, 64, 1000)]
    assert files[1:] == files[:1] * 3
    groups = pq.ParquetFile(tmp_path / "3" / "steps.parquet").metadata
    assert [groups.row_group(place).num_rows for place in range(groups.num_row_groups)] == [64, 64, 64, 64, 44]
    assert groups.row_group(0).column(0).compression == "ZSTD"


def test_merging_holds_no_more_than_a_group_and_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the size: 30 parts of 1000 rows, one more group than the two that may be there at once would show."""
    monkeypatch.setattr(tables, "ROWS_PER_GROUP", 4000)
    table = write(tmp_path, 30_000, limit=1000)
    write_table, held = pq.ParquetWriter.write_table, []

    def weighed(writer: pq.ParquetWriter, group: pa.Table, **knobs: Any) -> None:
        held.append(pa.total_allocated_bytes() - before)
        write_table(writer, group, **knobs)

    monkeypatch.setattr(pq.ParquetWriter, "write_table", weighed)
    before = pa.total_allocated_bytes()
    table.close()
    row = 8 * len(Step._fields)  # bytes
    assert len(held) == 8
    assert 4000 * row <= max(held) <= (4000 + 1000) * row * 1.2
    assert pa.total_allocated_bytes() == before


def test_a_part_is_written_when_its_time_has_come(tmp_path: Path) -> None:
    now = 0.0
    table: Table[Step] = Table(tmp_path, "steps", seconds=30.0, clock=lambda: now)
    table.append(step(1))
    assert not tables.exists(tmp_path, "steps")
    now = 30.0
    table.append(step(2))
    assert len(tables.read(tmp_path, "steps")) == 2
    table.append(step(3))
    assert (len(tables.read(tmp_path, "steps")), table.rows) == (2, 3)


def test_no_rows_still_make_a_table_with_its_columns(tmp_path: Path) -> None:
    write(tmp_path, 0).close()
    assert tables.read(tmp_path, "steps").schema == tables.schema("steps")
    assert len(tables.read(tmp_path, "steps")) == 0


def test_closing_twice_changes_nothing(tmp_path: Path) -> None:
    table = write(tmp_path, 5)
    first = table.close().read_bytes()
    assert table.close().read_bytes() == first


def test_a_missing_table_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no table 'steps'"):
        tables.read(tmp_path, "steps")


def test_folder_names_add_no_columns(tmp_path: Path) -> None:
    write(tmp_path / "xi=1", 2).close()
    assert tables.read(tmp_path / "xi=1", "steps").column_names == list(Step._fields)


KILLED = """
import os, signal, sys
from pathlib import Path
from edgesim.record.tables import Table
from edgesim.record import atomic
from tests_rows import step
table = Table(Path(sys.argv[1]), "steps", limit=10)
for number in range(1, 36):
    table.append(step(number))
with atomic.replacing(Path(sys.argv[1]) / "steps.part-00004.parquet") as temporary:
    temporary.write_bytes(b"PAR1 torn")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_run_keeps_every_part_it_wrote(tmp_path: Path) -> None:
    (tmp_path / "tests_rows.py").write_text(Path(__file__).read_text())
    run = tmp_path / "run"
    run.mkdir()
    where = os.pathsep.join([str(Path(__file__).parents[2]), str(tmp_path)])
    killed = subprocess.run([sys.executable, "-c", KILLED, str(run)], env={**os.environ, "PYTHONPATH": where}, check=False)
    assert killed.returncode == -9
    assert any(path.name.endswith(".tmp") for path in run.iterdir())  # the write that was under way
    back = [Step(**row) for row in tables.read(run, "steps").to_pylist()]
    assert back == [step(number) for number in range(1, 31)]


def test_evaluations_are_on_disk_at_once_and_read_back_equal(tmp_path: Path) -> None:
    sink = Evaluations(tmp_path)
    assert len(evaluations.read(tmp_path)) == 0
    rows = [Evaluation(n, n / 3, n * 1e-3, 1e9 / n, 0.1, 1 / 3, 2 / 3, float("inf"), 0.3) for n in range(1, 4)]
    for number, row in enumerate(rows, 1):
        sink.append(row)
        assert [Evaluation(**item) for item in evaluations.read(tmp_path).to_pylist()] == rows[:number]
    assert (tmp_path / "evaluations.csv").read_text().splitlines()[0] == ",".join(Evaluation._fields)


@pytest.mark.parametrize("trace", [False, True])
def test_recorder_keeps_the_book_only_when_asked(tmp_path: Path, trace: bool) -> None:
    recorder = Recorder(RunFolder(tmp_path), trace=trace)
    for number in range(1, 6):
        recorder.step(step(number))
        recorder.entry(entry(number))
    assert recorder.state() == {"steps": 5, "transfers": 0, "evaluations": 0} | ({"entries": 5} if trace else {})
    recorder.flush()
    assert len(tables.read(tmp_path, "steps")) == 5
    recorder.close()
    names = {"steps.parquet", "transfers.parquet", "evaluations.csv"} | ({"entries.parquet"} if trace else set())
    assert {path.name for path in tmp_path.iterdir()} == names


def test_the_last_row_is_found_while_the_table_grows_and_after(tmp_path: Path) -> None:
    assert tables.last(tmp_path, "evaluations") is None
    table = tables.Table[Evaluation](tmp_path, "evaluations")
    for step in range(3):
        table.append(Evaluation(step, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0))
        table.flush()
        assert (tables.last(tmp_path, "evaluations") or {})["step"] == step
    table.close()
    assert (tables.last(tmp_path, "evaluations") or {})["step"] == 2
