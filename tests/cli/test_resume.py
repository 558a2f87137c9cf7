"""`edgesim run --resume` and `--fork-from` as they are typed, in processes of their own and in this one."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FADING = str(ROOT / "scenarios" / "fading.yaml")
LINE = ["run", FADING, "--timing-only", "--set", "host.checkpoint_every_steps=50"]


def begin(folder: Path, *more: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    line = [sys.executable, "-m", "edgesim", *LINE, *more]
    return subprocess.Popen(line, cwd=folder, env=environment, stdout=pipe, stderr=pipe, text=True)


def wait_for(folder: Path, pattern: str, process: "subprocess.Popen[str]") -> Path:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[1]
        if found := sorted(folder.glob(pattern)):
            return found[0]
        time.sleep(0.02)
    raise AssertionError(f"no {pattern}")


@pytest.mark.slow
def test_a_cluster_stops_a_run_and_the_same_command_resumes_it(command: Any, tmp_path: Path) -> None:
    run = begin(tmp_path, "--set", "budget={steps: 100000000}")
    folder = wait_for(tmp_path, "results/*/*/checkpoints/step-*", run).parents[1]
    second = begin(tmp_path, "--set", "budget={steps: 100000000}", "--resume")
    _, said = second.communicate(timeout=120)
    assert second.returncode == 2
    assert re.search(r"is being written by (another process|process \d+)", said), said
    run.send_signal(signal.SIGUSR1)
    out, said = run.communicate(timeout=120)
    assert (run.returncode, out) == (75, "")
    step = re.search(r"stopped after step (\d+): .* --resume goes on from step (\d+)", said)
    assert step is not None, said
    assert step[1] == step[2]
    more = int(step[1]) + 30  # another budget is another scenario: a fork
    forked = command("run", "--fork-from", str(folder), "--set", f"budget={{steps: {more}}}", "--timing-only", "--json", "-q")
    assert forked.code == 0, forked.err
    assert json.loads(forked.out)["steps"] == more
    checked = command("check", "results/fading")
    assert (checked.code, checked.out) == (0, "1 runs checked, 0 problems\n")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("run", "say which scenario to run"),
        (f"run {FADING} --fork-from x@3", "--fork-from takes the scenario from the run; leave"),
        ("run --fork-from nowhere@3", "--fork-from nowhere@3: nowhere is no run folder; name one"),
        (f"run {FADING} --resume --fresh", "--resume goes on with a run, --fresh begins a new one"),
    ],
)
def test_what_cannot_be_is_wrong_usage(command: Any, tmp_path: Path, line: str, words: str) -> None:
    said = command(*line.split())
    assert (said.code, said.out) == (2, "")
    assert words in said.err
    assert not (tmp_path / "results").exists()


def test_a_finished_run_is_shown_again_and_nothing_is_done(command: Any, tmp_path: Path) -> None:
    line = [*LINE, "--set", "budget={steps: 3}"]
    first = command(*line, "-q")
    again = command(*line, "--resume")
    assert (first.code, again.code) == (0, 0)
    assert "is finished: nothing is left to do" in again.err
    assert again.out == first.out
    assert len(list((tmp_path / "results" / "fading").iterdir())) == 1


def test_a_rerun_says_why_it_does_not_resume(command: Any, tmp_path: Path) -> None:
    line = [*LINE, "--set", "budget={steps: 3}"]
    assert command(*line, "-q").code == 0
    (first,) = (tmp_path / "results" / "fading").iterdir()
    manifest = first / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "status": "running"}))  # as a kill leaves it
    again = command(*line)
    assert again.code == 0
    assert f"{first.name} is unfinished and stays as it is: a new run begins; --resume would go on with it" in again.err
    assert "unfinished" not in command(*line).err  # the newest is finished
    manifest.write_text("{")
    assert "unfinished" not in command(*line, "--fresh").err
    assert command(*line).code == 0
