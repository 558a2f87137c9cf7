"""What a run's files say twice no longer agrees where one of them was altered, whatever the checksums say."""

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from edgesim.load import load
from edgesim.record import tables
from edgesim.report.redundancy import contradictions
from edgesim.runner import run
from tests.report.test_audit import SCENARIO, messages, reseal

MANIFEST, SUMMARY = "manifest.json", "summary.json"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with a book, two looks, and checkpoints at steps 6 and 12, the second after the first look."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "small.yaml").write_text(json.dumps(SCENARIO | {"evaluate": {"every_epochs": 0.5}}, indent=1))
    return run(load(folder / "small.yaml"), out=folder, trace=True).path


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "run"))


def set_cell(path: Path, row: int, column: str, value: str) -> None:
    """One cell of a CSV file; rows count from 1."""
    rows = list(csv.reader(io.StringIO(path.read_text())))
    rows[row][rows[0].index(column)] = value
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    path.write_text(text.getvalue())


def set_value(folder: Path, name: str, column: str, row: int, value: Any) -> None:
    """One cell of a table; rows count from 0."""
    table = tables.read(folder, name)
    place = table.column_names.index(column)
    values = table[column].to_pylist()
    values[row] = value
    table = table.set_column(place, table.schema.field(place), pa.array(values, table.schema.field(place).type))
    pq.write_table(table, folder / f"{name}.parquet")


@pytest.mark.parametrize(
    ("file", "row", "column", "value", "said"),
    [
        ("evaluations.csv", 1, "simulated_s", "9.0", "evaluations: simulated_s goes backwards"),
        ("evaluations.csv", 1, "accuracy", "0.3", "step-0000000012.checkpoint has others"),
        ("evaluations.csv", 1, "accuracy_batch_mean", "0.3", "step-0000000012.checkpoint has others"),
        ("evaluations.csv", 1, "epoch", "0.9", "0.9 epochs at step 6"),
        ("evaluations.csv", 2, "spent_bits", "1e12", "the last is at spent_bits 1000000000000.0"),
        ("evaluations.csv", 2, "accuracy_codec", "0.3", "accuracy_codec: the last look says 0.3"),
        ("clients.csv", 2, "joules", "1e-9", "took more joules than clients.csv says"),
        ("clients.csv", 2, "samples", "31", "client 1 holds 32 images"),
        ("clients.csv", 1, "client", "1", "they are not numbered from 0"),
        ("partition.csv", 1, "n", "31", "client 0 holds 32 images"),
        ("partition.csv", 3, "class_4", "17", "client 2 holds 32 images"),
    ],
)
def test_a_cell_that_was_altered(copy: Path, file: str, row: int, column: str, value: str, said: str) -> None:
    set_cell(copy / file, row, column, value)
    reseal(copy)
    assert any(said in message for message in messages(copy)), messages(copy)


@pytest.mark.parametrize(
    ("name", "column", "row", "value", "said"),
    [
        ("steps", "step", 4, 1, "after step"),
        ("steps", "client", 0, 7, "a client that clients.csv does not have"),
        ("transfers", "snr_db", 9, 30.0, "link.snr_db_mean"),
        ("transfers", "client", 0, 9, "another client than the one at its end"),
        ("rounds", "round", 1, 3, "not numbered from 1"),
        ("rounds", "late", 0, 2, "more clients ended one than were chosen"),
        ("rounds", "end_s", 0, -1.0, "ends before it begins"),
        ("partition", "client", 50, 0, "client 0 holds 33 images"),
    ],
)
def test_a_value_that_was_altered(copy: Path, name: str, column: str, row: int, value: Any, said: str) -> None:
    set_value(copy, name, column, row, value)
    reseal(copy)
    assert any(said in message for message in messages(copy)), messages(copy)


def test_bits_moved_from_one_client_to_another_leave_every_total_and_are_found(copy: Path) -> None:
    rows = list(csv.DictReader(io.StringIO((copy / "clients.csv").read_text())))
    for row, more in ((0, 8), (1, -8)):
        set_cell(copy / "clients.csv", row + 1, "bits_up", str(int(rows[row]["bits_up"]) + more))
    reseal(copy)
    assert sum("bits_up of client" in message for message in messages(copy)) == 2


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("status",), "interrupted", "the run is interrupted, and done in manifest.json"),
        (("budget", "spent", "joules"), 1.0, "budget.spent.joules"),
        (("budget", "spent", "symbols"), 1, "budget.spent.symbols"),
        (("budget", "limits", "steps"), 13, "budget.limits.steps: the scenario says 12"),
        (("xi", "wire", "mean"), 0.5, "xi.wire.mean"),
        (("epochs",), 3.0, "evaluations: "),
        (("link", "snr_db_mean"), 9.0, "link.snr_db_mean"),
        (("clients", 1, "steps"), 5, "clients: 1 is another in the summary"),
    ],
)
def test_a_figure_of_the_summary_that_was_altered(copy: Path, path: tuple[Any, ...], value: Any, said: str) -> None:
    summary = json.loads((copy / SUMMARY).read_text())
    node = summary
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    (copy / SUMMARY).write_text(json.dumps(summary))
    reseal(copy)
    assert any(said in message for message in messages(copy)), messages(copy)


def test_a_scenario_that_was_altered_is_not_the_one_that_was_run(copy: Path) -> None:
    path = copy / "resolved.yaml"
    path.write_text(path.read_text().replace("lr: 0.001", "lr: 0.002"))
    reseal(copy)
    [said] = messages(copy)
    assert "resolved.yaml is another scenario" in said


def test_a_scenario_of_another_version_or_of_files_that_may_have_changed_is_left_alone(copy: Path) -> None:
    manifest, summary = (json.loads((copy / name).read_text()) for name in (MANIFEST, SUMMARY))
    path = copy / "resolved.yaml"
    path.write_text(path.read_text().replace("lr: 0.001", "lr: 0.002"))
    assert [*contradictions(copy, manifest | {"versions": {"edgesim": "0.0.1"}}, summary)] == []
    path.write_text(path.read_text() + "# trace_file: x.csv\n")
    assert [*contradictions(copy, manifest, summary)] == []
