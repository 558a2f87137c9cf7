"""The main job through the command line, with nothing stood in for."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import edgesim
from edgesim.record import tables

ROOT = Path(__file__).resolve().parents[2]
AIR = {"codec": "identity", "channel": "ideal", "radio": {"bandwidth_hz": 1e6}, "transport": "reliable"}
SCENARIO: dict[str, Any] = {
    "model": {"kind": "vit", "name": "tiny_digits", "cut": 2},
    "data": {"kind": "synthetic", "train": 64, "test": 16, "classes": 10, "image_size": 8, "channels": 1, "batch_size": 8},
    "clients": {"count": 1, "device": "raspberry_pi_4"},
    "server": {"device": "edge_server_cpu"},
    "uplink": AIR,
    "downlink": AIR,
    "protocol": "vanilla",
    "optimiser": {"kind": "adam", "lr": 1e-3},
    "budget": {"steps": 2},
    "host": {"threads": 1},
}


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(json.dumps(SCENARIO, indent=1))
    return path


def only_run(tmp_path: Path) -> Path:
    [path] = (tmp_path / "results" / "small").iterdir()
    return path


def test_two_steps_leave_a_whole_results_folder(command: Any, scenario: Path, tmp_path: Path) -> None:
    said = command("run", "small.yaml", "--seed", "5", "--trace")
    assert said.code == 0, said.err
    assert said.out.startswith("status ")
    path = only_run(tmp_path)
    assert path.name.endswith("-s5")
    assert said.err.splitlines()[-2] == f"results  {path.relative_to(tmp_path)}"
    manifest = json.loads((path / "manifest.json").read_text())
    assert manifest["status"] == "done"
    assert manifest["command"] == ["edgesim", "run", "small.yaml", "--seed", "5", "--trace"]
    names = {item["name"] for item in manifest["files"]}
    tabulated = {"steps.parquet", "transfers.parquet", "entries.parquet", "evaluations.csv"}
    assert {"scenario.yaml", "resolved.yaml", "summary.json", "weights.safetensors"} | tabulated == names
    assert len(tables.read(path, "steps")) == 2
    timeline = Path(command("trace", "results/small").out.strip())
    assert json.loads(timeline.read_text())["traceEvents"]


def test_json_is_summary_json_and_nothing_else(process: Any, scenario: Path, tmp_path: Path) -> None:
    said = process("run", "small.yaml", "--json", "--set", "uplink.codec.kind=identity")
    assert said.code == 0, said.err
    assert said.out == (only_run(tmp_path) / "summary.json").read_text()
    assert "simulated" in said.err
    assert "\x1b" not in said.err
    assert json.loads(said.out)["steps"] == 2


def test_python_does_the_same_as_the_command_line(scenario: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    done = edgesim.run(scenario, {"budget.steps": 3}, seed=7, out=tmp_path / "there", timing_only=True)
    assert capfd.readouterr() == ("", "")
    assert done.path.parent == tmp_path / "there" / "small"
    assert done.path.name.endswith("-s7")
    assert done.summary["steps"] == len(done.steps()) == 3
    loaded = edgesim.load(scenario, ["budget.steps=3"], seed=7)
    assert isinstance(loaded, edgesim.Scenario)
    again = edgesim.run(loaded, out=tmp_path / "there", timing_only=True, progress=True)
    assert again.summary["energy_j"] == done.summary["energy_j"]
    said = capfd.readouterr()
    assert said.out == ""
    assert "small (" in said.err
    with pytest.raises(ValueError, match=r"edgesim\.load"):
        edgesim.run(loaded, {"budget.steps": 4})


def test_timing_only_and_plan_say_the_same(command: Any, scenario: Path) -> None:
    run = json.loads(command("run", "small.yaml", "--timing-only", "--json", "-q").out)
    plan = json.loads(command("plan", "small.yaml", "--json").out)
    assert run["accuracy"] is None
    for key in ("steps", "simulated_s", "energy_j", "bits", "symbols"):
        assert run[key] == plan[key]


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (["model.cut=99"], 3, ["--set model.cut", "between 1 and 3"]),
        (["uplink.codec=identitty"], 3, ["identitty", "identity"]),
        (["uplink.codek=identity"], 3, ["codek", "did you mean 'codec'"]),
        (["budget={bits: 1}"], 3, ["budget.bits", "smaller than one step"]),
        (["data={kind: cifar100, root: nowhere, batch_size: 8}"], 5, ["nowhere", "data.root"]),
        (["model.weights=nowhere.safetensors"], 5, ["nowhere.safetensors"]),
    ],
)
def test_what_cannot_be_run_is_one_message_and_its_code(
    command: Any, scenario: Path, tmp_path: Path, change: list[str], code: int, words: list[str]
) -> None:
    said = command("run", "small.yaml", *(part for item in change for part in ("--set", item)))
    assert (said.code, said.out) == (code, ""), said.err
    assert "Traceback" not in said.err
    assert all(word in said.err for word in words), said.err
    assert not (tmp_path / "results").exists()


def test_a_malformed_file_shows_every_problem_at_its_place(command: Any, tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(json.dumps(SCENARIO | {"seed": "no", "extra": 1}, indent=1))
    for verb in ("run", "plan", "validate"):
        said = command(verb, "small.yaml")
        assert said.code == 3
        assert (said.out + said.err).count("small.yaml:") == 2


def test_a_missing_file_is_wrong_usage(command: Any, scenario: Path) -> None:
    said = command("run", "smal.yaml")
    assert (said.code, said.out) == (2, "")
    assert "small.yaml" in said.err  # what is there instead


def test_results_that_cannot_be_written_stop_the_run_before_anything_is_built(
    command: Any, scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "results").write_text("a file where the folder should be")
    monkeypatch.delattr("edgesim.runner.Session")  # whoever asks for it fails
    said = command("run", "small.yaml")
    assert (said.code, said.out) == (2, "")
    assert "cannot write results to results" in said.err
    assert "--out" in said.err


def test_ctrl_c_keeps_what_there_is(scenario: Path, tmp_path: Path) -> None:
    line = [
        sys.executable,
        "-m",
        "edgesim",
        "run",
        "small.yaml",
        "--set",
        "budget.steps=1000000",
        "--set",
        "evaluate.every_epochs=1",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        line, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        found: list[Path] = []
        deadline = time.monotonic() + 90
        while not found and run.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
            written = (tmp_path / "results").glob("*/*/evaluations.csv")
            found = [path for path in written if path.read_text().count("\n") > 1]  # one evaluation: it is training
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=60)
    assert (run.returncode, out) == (75, "")
    assert "Traceback" not in err
    path = only_run(tmp_path)
    assert str(path.relative_to(tmp_path)) in err
    assert json.loads((path / "manifest.json").read_text())["status"] == "interrupted"
    steps = tables.read(path, "steps")
    assert steps["step"].to_pylist() == list(range(1, len(steps) + 1))
    assert len(steps) >= 8
    assert len(tables.read(path, "transfers")) == 2 * len(steps)
    assert json.loads((path / "summary.json").read_text())["steps"] == len(steps)
