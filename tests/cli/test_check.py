"""`edgesim check`: runs and sweeps, a line a problem, and its exit code."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SWEEP = "scenario: {scenario}\ntiming_only: true\nset: {{budget: {{steps: 2}}}}\nseeds: [0, 1]\n"


@pytest.fixture
def sweep(command: Any, tmp_path: Path) -> Path:
    (tmp_path / "many.yaml").write_text(SWEEP.format(scenario=ROOT / "scenarios" / "fading.yaml"))
    assert command("sweep", "many.yaml", "-q", "--jobs", "1").code == 0
    return tmp_path / "sweeps" / "many"


def test_a_sweep_is_checked_point_by_point_and_its_table_too(command: Any, sweep: Path) -> None:
    said = command("check", "sweeps/many")
    assert (said.code, said.out, said.err) == (0, "2 runs checked, 0 problems\n", "")
    victim = sorted((sweep / "points").iterdir())[0] / "steps.parquet"
    content = victim.read_bytes()
    victim.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    said = command("check", "sweeps/many")
    assert said.code == 1
    assert said.out.splitlines()[0].endswith(f"{victim.parent.name}: steps.parquet was altered")
    assert "1 problems in" in said.err
    victim.write_bytes(content)
    (sweep / "index.parquet").write_bytes(b"PAR1")
    said = command("check", "sweeps/many", "--json")
    assert said.code == 1
    [problem] = json.loads(said.out)["problems"]
    assert problem["message"].startswith("index.parquet: ")


def test_a_table_of_a_sweep_that_says_something_else_is_found(command: Any, sweep: Path) -> None:
    from edgesim.record import index

    rows = index.read(sweep).to_pylist()
    rows[1]["energy_j.total"] *= 1.5
    index.write(sweep, rows)
    said = command("check", "sweeps/many")
    assert said.code == 1
    assert f"index.parquet: point {rows[1]['point']}: energy_j.total differ from its summary" in said.out


def altered(path: Path) -> None:
    text = path.read_text()
    path.write_text(text.replace("seed", "sEed", 1) if "seed" in text else text[:-1])


@pytest.mark.parametrize(
    ("victim", "how", "said"),
    [
        ("points/{point}/summary.json", Path.unlink, "point {point} is finished, and its run or its summary is missing"),
        ("points/{point}/manifest.json", Path.unlink, "manifest.json is missing, or no JSON object"),
        ("points/{point}", shutil.rmtree, "point {point} is finished, and its run or its summary is missing"),
        ("manifest.json", altered, "manifest.json was altered"),
        ("sweep.yaml", altered, "sweep.yaml was altered"),
        ("sweep.yaml", Path.unlink, "sweep.yaml is missing"),
        ("index.parquet", Path.unlink, "index.parquet: "),
    ],
)
def test_any_single_file_of_a_sweep_that_is_lost_or_altered_is_found(
    victim: str, how: Any, said: str, command: Any, sweep: Path
) -> None:
    point = sorted(path.name for path in (sweep / "points").iterdir())[1]
    how(sweep / victim.format(point=point))
    found = command("check", "sweeps/many")
    assert found.code == 1
    assert said.format(point=point) in found.out


def test_two_runs_of_a_sweep_in_each_others_place_are_found(command: Any, sweep: Path) -> None:
    one, other = sorted((sweep / "points").iterdir())
    one.rename(sweep / "aside")
    other.rename(one)
    (sweep / "aside").rename(other)
    assert command("check", "sweeps/many").out.count("it is another point than the manifest.json of the sweep says") == 2


def test_what_is_neither_run_nor_sweep_is_wrong_usage(command: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    said = command("check", "empty")
    assert (said.code, said.out) == (2, "")
    assert "holds no run" in said.err
