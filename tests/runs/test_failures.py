"""What fails in the middle of a run: all rows until then are there, and the run's folder says what happened, where."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from edgesim.build.cast import TorchCast
from edgesim.cli.app import main
from edgesim.errors import RunError, ScenarioError, told
from edgesim.learn.evaluate import Evaluator
from edgesim.learn.halves import TorchServer
from edgesim.record import evaluations, tables
from edgesim.runner import run
from tests.runs.conftest import SMALL

EACH = 6  # steps of an epoch


def failing(after: int, honest: Callable[..., Any], error: BaseException) -> Callable[..., Any]:
    """`honest` so many times, then the error."""
    calls = 0

    def step(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > after:
            raise error
        return honest(*given, **named)

    return step


def failed(out: Path, scenario: str = "small") -> tuple[Path, dict[str, Any]]:
    [folder] = (out / scenario).iterdir()
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["status"] == "failed"
    assert "failure.json" in [file["name"] for file in manifest["files"]]
    return folder, json.loads((folder / "failure.json").read_text())


@pytest.mark.parametrize("error", [RuntimeError("shapes do not match"), RunError("no such picture"), OSError(5, "I/O error")])
def test_an_evaluation_that_fails_keeps_what_was_earned(
    error: Exception, make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Evaluator, "run", failing(1, Evaluator.run, error))
    with pytest.raises(type(error)) as caught:
        run(make(budget={"steps": 3 * EACH}), out=tmp_path)
    assert told(caught.value).endswith(f"; while looking at the test set after step {2 * EACH}; all rows until then are kept")
    folder, said = failed(tmp_path)
    assert said["error"] == type(error).__name__
    assert said["message"] == told(caught.value)
    assert (said["steps"], said["simulated_s"] > 0.0) == (2 * EACH, True)
    assert [row.step for row in evaluations.rows_of(folder)] == [EACH]
    assert tables.read(folder, "steps").num_rows == 2 * EACH


def test_the_command_says_so_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Evaluator, "run", failing(1, Evaluator.run, RunError("no such picture")))
    file = tmp_path / "small.yaml"
    file.write_text(json.dumps(SMALL | {"budget": {"steps": 3 * EACH}}, indent=1))
    assert main(["run", str(file), "--out", str(tmp_path / "out"), "-q"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        f"edgesim: no such picture; while looking at the test set after step {2 * EACH}; all rows until then are kept\n"
    )


OUT_OF_MEMORY = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
    ),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=lambda error: type(error).__name__)
def test_without_memory_the_run_says_what_to_lower(
    error: Exception, make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TorchServer, "step", failing(2, TorchServer.step, error))
    with pytest.raises(RunError, match=r"memory of .* ran out.*: lower data\.batch_size") as caught:
        run(make(), out=tmp_path)
    assert "\n" not in str(caught.value)
    folder, said = failed(tmp_path)
    assert said["steps"] == 2
    assert tables.read(folder, "steps").num_rows == 2


def test_another_failure_of_torch_is_not_taken_for_want_of_memory(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TorchServer, "step", failing(2, TorchServer.step, RuntimeError("shapes do not match")))
    with pytest.raises(RuntimeError, match="shapes do not match"):
        run(make(), out=tmp_path)
    assert failed(tmp_path)[1]["message"] == "shapes do not match"


def test_without_memory_before_the_first_step_nothing_is_left(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TorchCast, "_make", failing(0, TorchCast._make, MemoryError()))
    with pytest.raises(RunError, match="ran out"):
        run(make(), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("partition", "said"),
    [
        ({"kind": "dirichlet", "alpha": 0.01, "min_size": 1}, r"larger than the \d+ samples of client \d+"),
        ({"kind": "dirichlet", "alpha": 0.01, "min_size": 97}, "6 clients cannot have at least 97 training images each"),
    ],
)
def test_a_client_without_a_whole_batch_is_named_before_anything_runs(
    partition: dict[str, Any], said: str, make: Any, tmp_path: Path
) -> None:
    scenario = make(
        data=SMALL["data"] | {"partition": partition}, clients={"count": 6, "device": "raspberry_pi_4"}, protocol="parallel"
    )
    with pytest.raises(ScenarioError, match=said) as caught:
        run(scenario, out=tmp_path / "out")
    assert caught.value.exit_code == 3
    assert not (tmp_path / "out").exists()
