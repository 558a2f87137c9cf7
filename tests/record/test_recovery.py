"""Tables go back to what they were at a checkpoint, whatever a kill has left of them, and grow on as if nothing had been."""

import contextlib
import errno
import os
from pathlib import Path
from typing import Any

import pytest

from edgesim.errors import RunError
from edgesim.record import atomic, evaluations, recovery, tables
from edgesim.record.evaluations import Evaluations
from edgesim.record.tables import Table
from edgesim.rows import Evaluation, Round


def row(number: int) -> Round:
    return Round(number, number * 0.1, number * 0.1 + 0.05, 4, 3, 1, 0)


def look(number: int) -> Evaluation:
    return Evaluation(number, number / 7, number * 0.3, 1e6 * number, 0.1 * number, 0.1 + number / 1e3, 0.1, 2.3)


def grown(folder: Path, count: int, *, closed: bool = False, rows: int = 0) -> Table[Round]:
    table: Table[Round] = Table(folder, "rounds", limit=10, rows=rows)
    for number in range(rows + 1, count + 1):
        table.append(row(number))
    table.flush()
    if closed:
        table.close()
    return table


def numbers(folder: Path) -> list[int]:
    found: list[int] = tables.read(folder, "rounds")["round"].to_pylist() if tables.exists(folder, "rounds") else []
    return found


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("kept", [0, 7, 10, 20, 33, 35])
def test_the_rows_before_a_checkpoint_stay_and_the_table_ends_the_same(tmp_path: Path, closed: bool, kept: int) -> None:
    whole, folder = tmp_path / "whole", tmp_path / "run"
    whole.mkdir()
    folder.mkdir()
    grown(whole, 60, closed=True)
    grown(folder, 35, closed=closed)
    assert recovery.rows(folder)["rounds"] == 35
    (folder / f".rounds.part-00004.parquet.{1}.tmp").write_bytes(b"PAR1 torn")
    recovery.rewind(folder, {"rounds": kept})
    assert numbers(folder) == [*range(1, kept + 1)]
    assert not list(folder.glob(".*"))
    grown(folder, 60, closed=True, rows=kept)
    assert (folder / "rounds.parquet").read_bytes() == (whole / "rounds.parquet").read_bytes()


def test_a_kill_while_parts_are_merged_loses_nothing(tmp_path: Path) -> None:
    grown(tmp_path, 35)
    parts = {path: path.read_bytes() for path in tables.parts_of(tmp_path, "rounds")}
    grown(tmp_path, 35, rows=35).close()
    for path in [*parts][1:]:  # the first part was removed, then came the kill
        path.write_bytes(parts[path])
    assert recovery.rows(tmp_path)["rounds"] == 35
    recovery.rewind(tmp_path, {"rounds": 35})
    assert numbers(tmp_path) == [*range(1, 36)]


def test_parts_that_cannot_be_removed_cost_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that fails closes its tables once more: what was merged stays as it is."""
    table = grown(tmp_path, 35)
    genuine = atomic._unlink

    def failing(path: Path) -> None:
        if path.name == "rounds.part-00003.parquet":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        genuine(path)

    monkeypatch.setattr(atomic, "_unlink", failing)
    for _ in range(2):
        with pytest.raises(RunError, match=r"cannot remove .*part-00003"):
            table.close()
        assert numbers(tmp_path) == [*range(1, 36)]


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize(("closed", "moment"), [(False, 1), (False, 2), (False, 3), (False, 4), (True, 1)])
def test_a_kill_while_rewinding_can_be_rewound_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: bool, moment: int
) -> None:
    grown(tmp_path, 55, closed=closed)
    done = 0
    genuine = recovery.atomic.remove

    def killed(path: Path) -> None:
        nonlocal done
        done += 1
        if done == moment + len(recovery.OF_THE_END):
            raise Killed
        genuine(path)

    with monkeypatch.context() as patch, contextlib.suppress(Killed):
        patch.setattr(recovery.atomic, "remove", killed)
        recovery.rewind(tmp_path, {"rounds": 12})
    assert done == moment + len(recovery.OF_THE_END)
    recovery.rewind(tmp_path, {"rounds": 12})
    assert numbers(tmp_path) == [*range(1, 13)]


def test_evaluations_go_back_too(tmp_path: Path) -> None:
    table = Evaluations(tmp_path)
    for number in range(1, 4):
        table.append(look(number))
    recovery.rewind(tmp_path, {"evaluations": 2})
    assert [str(each) for each in evaluations.rows_of(tmp_path)] == [str(look(number)) for number in (1, 2)]


def test_what_only_an_ended_run_has_is_removed(tmp_path: Path) -> None:
    for name in (*recovery.OF_THE_END, "resolved.yaml"):
        (tmp_path / name).write_text("x")
    recovery.rewind(tmp_path, {})
    assert {path.name for path in tmp_path.iterdir()} == {"resolved.yaml", "evaluations.csv"}


@pytest.mark.parametrize("name", ["rounds.part-00002.parquet", "evaluations.csv"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    grown(tmp_path, 35)
    (tmp_path / name).write_text("step,\nx,")
    with pytest.raises(RunError, match=f"{name} cannot be read"):
        recovery.rows(tmp_path)


def test_a_fork_has_the_first_rows_of_its_parent(tmp_path: Path) -> None:
    parent, child = tmp_path / "parent", tmp_path / "child"
    for folder in (parent, child):
        folder.mkdir()
    grown(parent, 35)
    looks: Any = Evaluations(parent)
    looks.append(look(1))
    recovery.branch(parent, child, {"rounds": 23, "evaluations": 1})
    assert numbers(child) == [*range(1, 24)]
    assert numbers(parent) == [*range(1, 36)]
    assert len(evaluations.rows_of(child)) == 1
