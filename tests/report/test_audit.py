"""`edgesim check` finds every single file that is not the one that was written, and every sum that is wrong."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from edgesim.load import load
from edgesim.record import json_text, tables
from edgesim.record.folder import MANIFEST, digest_of, sha256_of
from edgesim.report.audit import audit
from edgesim.runner import run

ROOT = Path(__file__).resolve().parents[2]
FADING = {"kind": "rayleigh", "snr_db": 8, "coherence_s": 0.02}
AIR = {"channel": FADING, "radio": {"bandwidth_hz": 1e6}, "transport": {"kind": "lossy", "attempts": 2}}
SCENARIO: dict[str, Any] = {
    "seed": 3,
    "model": {"kind": "vit", "name": "tiny_digits", "cut": 2},
    "data": {"kind": "synthetic", "train": 96, "test": 40, "classes": 10, "image_size": 8, "channels": 1, "batch_size": 16},
    "clients": {"count": 3, "device": "raspberry_pi_4"},
    "server": {"device": "edge_server_cpu"},
    "uplink": {"codec": {"kind": "quantise", "bits": 4}, **AIR},
    "downlink": {"codec": "identity", **AIR},
    "protocol": "splitfed_v1",
    "optimiser": {"kind": "adam", "lr": 1e-3},
    "budget": {"steps": 12},
    "host": {"threads": 1, "checkpoint_every_steps": 6},
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with a book, checkpoints and weights."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "small.yaml").write_text(json.dumps(SCENARIO, indent=1))
    return run(load(folder / "small.yaml"), out=folder, trace=True).path


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "run"))


def messages(folder: Path) -> list[str]:
    return [finding.message for finding in audit(folder)[1]]


def reseal(folder: Path) -> None:
    """Make the checksums fit again, as somebody would who wants to hide what was altered."""
    path = folder / MANIFEST
    manifest = json.loads(path.read_text())
    for entry in manifest["files"]:
        entry["sha256"], entry["bytes"] = sha256_of(folder / entry["name"]), (folder / entry["name"]).stat().st_size
    path.write_text(json_text.dumps(manifest | {"sha256": digest_of(manifest)}) + "\n")


def test_a_whole_run_has_no_problem(whole: Path) -> None:
    assert audit(whole) == (1, [])


def test_what_other_commands_add_is_no_problem(copy: Path) -> None:
    (copy / "figures").mkdir()
    (copy / "figures" / "x.pdf").write_text("")
    (copy / "timeline.json").write_text("")
    assert messages(copy) == []


def test_one_flipped_bit_in_any_file_is_found_and_named(copy: Path) -> None:
    files = sorted(path for path in copy.rglob("*") if path.is_file())
    assert len(files) >= 12
    for path in files:
        content = path.read_bytes()
        places = range(0, len(content), 7) if path.name == MANIFEST else (0, len(content) // 2, len(content) - 1)
        for place in places:
            path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            said = messages(copy)
            assert len(said) == 1, (path, place)
            assert path.relative_to(copy).as_posix() in said[0], said
        path.write_bytes(content)
    assert messages(copy) == []


def test_a_deleted_truncated_or_added_file_is_found_and_named(copy: Path) -> None:
    for path in sorted(path for path in copy.rglob("*") if path.is_file() and path.name != MANIFEST):
        content, name = path.read_bytes(), path.relative_to(copy).as_posix()
        path.unlink()
        assert messages(copy) == [f"{name} is missing"]
        path.write_bytes(content[:-1])
        assert messages(copy) == [f"{name} was altered"]
        path.write_bytes(content)
    (copy / "more.csv").write_text("x")
    assert messages(copy) == ["more.csv is none of the run's files"]


def altered(folder: Path, name: str, column: str, change: Callable[[Any], Any]) -> None:
    """One cell of a table, the first, changed."""
    table = tables.read(folder, name)
    place = table.column_names.index(column)
    values = table[column].to_pylist()
    values[0] = change(values[0])
    table = table.set_column(place, table.schema.field(place), pa.array(values, table.schema.field(place).type))
    pq.write_table(table, folder / f"{name}.parquet")


@pytest.mark.parametrize(
    ("name", "column", "change", "figure"),
    [
        ("transfers", "values_bits", lambda bits: bits + 1, "bits."),
        ("transfers", "overhead_bits", lambda bits: bits + 1, "bits."),
        ("transfers", "paper_bits", lambda bits: bits * 1.01, "budget.spent_bits"),
        ("transfers", "symbols", lambda count: count + 1, "symbols."),
        ("transfers", "packets", lambda count: count + 1, "link.packets"),
        ("transfers", "protected_packets", lambda count: count + 1, "link.protected_packets"),
        ("transfers", "delivered", lambda was: not was, "link.cut_transfers"),
        ("transfers", "wait_s", lambda wait: -1.0, "ends before it begins"),
        ("steps", "uplink_s", lambda seconds: seconds * 1.001, "latency_s.by_phase.uplink"),
        ("steps", "end_s", lambda seconds: seconds + 1e9, "latency_s.step_mean"),
        ("steps", "energy_j", lambda joules: joules + 1e9, "more joules than the clients"),
        ("entries", "joules", lambda joules: joules + 1.0, "energy_j.by_actor"),
        ("entries", "watts", lambda watts: watts + 1.0, "not watts times seconds"),
        ("entries", "end_s", lambda seconds: seconds + 1e-3, "do not tile its time"),
    ],
)
def test_a_wrong_number_is_found_even_under_right_checksums(
    copy: Path, name: str, column: str, change: Callable[[Any], Any], figure: str
) -> None:
    altered(copy, name, column, change)
    reseal(copy)
    assert any(figure in message for message in messages(copy)), messages(copy)


def test_a_row_too_many_is_found_even_under_right_checksums(copy: Path) -> None:
    for name in ("steps", "transfers", "entries", "rounds"):
        original = (copy / f"{name}.parquet").read_bytes()
        table = tables.read(copy, name)
        pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), copy / f"{name}.parquet")
        reseal(copy)
        assert messages(copy), name
        (copy / f"{name}.parquet").write_bytes(original)


def test_a_wrong_summary_is_found_even_under_right_checksums(copy: Path) -> None:
    original = json.loads((copy / "summary.json").read_text())
    for path, factor in [
        (("accuracy",), 1.1), (("steps",), 2), (("energy_j", "total"), 1.001), (("xi", "wire", "up"), 1.01),
        (("xi", "paper", "down"), 1.01), (("bits", "down", "labels"), 2), (("latency_s", "step_p95"), 1.001), (("rounds",), 2),
    ]:  # fmt: skip
        summary = json.loads(json.dumps(original))
        node = summary
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = node[path[-1]] * factor + (factor == 2)
        (copy / "summary.json").write_text(json.dumps(summary))
        reseal(copy)
        assert messages(copy), path


def test_a_run_that_has_not_ended_is_said(copy: Path) -> None:
    manifest = json.loads((copy / MANIFEST).read_text()) | {"status": "running", "files": []}
    (copy / MANIFEST).write_text(json_text.dumps(manifest | {"sha256": digest_of(manifest)}) + "\n")
    [said] = messages(copy)
    assert "was killed" in said
    assert "only a run that has ended can be checked" in said


@pytest.mark.parametrize("name", ["access_point", "adaptive", "battery", "dropouts", "tdd", "ushaped", "wideband"])
def test_runs_of_every_sort_are_whole(name: str, tmp_path: Path) -> None:
    limits = {"rounds": 2} if name in ("battery", "dropouts", "tdd") else {"steps": 12}
    scenario = load(ROOT / "scenarios" / f"{name}.yaml", {"budget": limits})
    assert messages(run(scenario, out=tmp_path, timing_only=True, trace=True).path) == []
