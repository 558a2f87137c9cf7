"""Every command with stand-ins behind it: streams, exit codes, messages."""

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edgesim.cli.app import app, main
from edgesim.errors import NotFoundError, RunError, RunInterrupted, ScenarioError, UsageError

SUMMARY: dict[str, Any] = {
    "status": "done",
    "accuracy": 0.9722,
    "accuracy_best": 0.975,
    "loss": 0.1,
    "steps": 220,
    "epochs": 10.0,
    "simulated_s": 61.0,
    "wall_s": 12.0,
    "stopped_by": "budget",
    "budget": {"ledger": "paper", "limit_bits": 1000.0, "spent_bits": 995.0},
    "xi": {"paper": {"up": 0.2, "down": 0.2, "mean": 0.2}, "wire": {"up": 0.3, "down": None, "mean": None}},
    "bits": {
        "up": {"values": 900, "side": 0, "labels": 90, "model": 0, "overhead": 5, "total": 995},
        "down": {"values": 0, "side": 0, "labels": 0, "model": 0, "overhead": 0, "total": 0},
        "evaluation": 0,
    },
    "symbols": {"up": 100, "down": 0},
    "latency_s": {"step_mean": 0.1, "step_p50": 0.1, "step_p95": 0.12, "by_phase": {"forward": 0.06, "uplink": 0.04}},
    "energy_j": {"total": 3.0, "by_phase": {"forward": 3.0}, "by_actor": {"client0": 1.0, "server": 2.0}},
    "link": {
        "snr_db_mean": 9.97,
        "packets": 440,
        "protected_packets": 40,
        "retransmissions": 3,
        "lost_packets": 20,
        "corrupted_values": 0,
    },
    "checks": {"phases_tile": True, "energy_adds_up": True},
}


class Runner:
    """Stands in for edgesim.runner: remembers how it was called and ends as told."""

    def __init__(self, folder: Path, ending: BaseException | None = None, **changes: Any) -> None:
        self.folder = folder
        self.ending = ending
        self.summary = SUMMARY | changes
        self.called: dict[str, Any] = {}

    def run(self, scenario: Any, *, watch: Any, **how: Any) -> Any:
        self.called = {"scenario": scenario, **how}
        watch.begin({"scenario": scenario.name, "results": str(self.folder)})
        if self.ending is not None:
            raise self.ending
        watch.end(self.summary)
        return SimpleNamespace(path=self.folder, summary=self.summary, status="done")


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Stands in for the loader; what it was asked for."""
    asked: list[tuple[Any, ...]] = []

    def load(path: Path, overrides: Any = (), seed: int | None = None) -> Any:
        asked.append((path, list(overrides), seed))
        return SimpleNamespace(name=Path(path).stem, seed=seed or 0, hash8="0123abcd")

    monkeypatch.setattr(importlib.import_module("edgesim.load"), "load", load)
    return asked


@pytest.fixture
def runner(loaded: Any, stand_in: Callable[..., None], tmp_path: Path) -> Runner:
    (tmp_path / "run").mkdir()
    made = Runner(tmp_path / "run")
    stand_in("runner", made)
    return made


def test_run_hands_over_what_was_asked(command: Any, runner: Runner, loaded: list[Any]) -> None:
    line = [
        "run",
        "a.yaml",
        "--set",
        "uplink.codec.xi=0.1",
        "--set",
        "seed=4",
        "--seed",
        "3",
        "--out",
        "there",
        "--timing-only",
    ]
    assert command(*line, "--accelerator", "cuda", "--trace").code == 0
    assert loaded == [(Path("a.yaml"), ["uplink.codec.xi=0.1", "seed=4", "host.accelerator=cuda"], 3)]
    assert (runner.called["out"], runner.called["timing_only"], runner.called["trace"]) == (Path("there"), True, True)
    assert runner.called["command"] == ["edgesim", *line, "--accelerator", "cuda", "--trace"]


def test_run_puts_the_summary_on_stdout_and_the_rest_on_stderr(command: Any, runner: Runner) -> None:
    said = command("run", "a.yaml")
    assert said.out.splitlines() == [
        "status          done, stopped by budget",
        "accuracy        0.9722  (best 0.9750)",
        "test loss       0.1",
        "steps           220  (10 epochs)",
        "simulated time  1 min 1 s",
        "time a step     mean 100 ms, median 100 ms, 95 % below 120 ms",
        "by phase        forward 60 ms, uplink 40 ms",
        "energy          3 J  (server 2 J, client0 1 J)",
        "wall time       12 s",
        "budget          99.50 % of 1 kbit spent (paper ledger)",
        "xi paper        up 0.2, down 0.2, mean 0.2",
        "xi wire         up 0.3, down -, mean -",
        "sent up         995 bit  (values 900 bit, labels 90 bit, overhead 5 bit)",
        "sent down       0 bit  (-)",
        "channel uses    up 100 symbols, down 0 symbols",
        "mean SNR        9.97 dB",
        "packets         440, 3 retransmissions, 20 lost packets; lost for good: 5.00% of 400 that are not protected",
        "checks          all 2 hold (phases_tile, energy_adds_up)",
    ]
    assert said.err.splitlines()[0] == "scenario  a"
    assert said.err.splitlines()[-2:] == [
        f"results  {runner.folder}",
        "next     edgesim run a.yaml --seed 1    (one seed is no result)",
    ]


def test_run_as_json_prints_exactly_one_object(command: Any, runner: Runner) -> None:
    runner.summary = SUMMARY | {"loss": float("nan"), "link": SUMMARY["link"] | {"snr_db_mean": float("inf")}}
    said = command("run", "a.yaml", "--json")
    found = json.loads(said.out)
    assert (found["accuracy"], found["loss"], found["link"]["snr_db_mean"]) == (0.9722, None, "inf")


def test_quiet_leaves_stdout_alone(command: Any, runner: Runner) -> None:
    said = command("run", "a.yaml", "-q")
    assert said.err == ""
    assert said.out.startswith("status")


def test_a_timing_only_run_has_no_accuracy_to_show(command: Any, runner: Runner) -> None:
    runner.summary = SUMMARY | {"accuracy": None, "accuracy_best": None, "loss": None}
    assert "accuracy" not in command("run", "a.yaml", "--timing-only").out


def test_what_to_type_next_is_the_same_run_with_another_seed(command: Any, runner: Runner) -> None:
    line = ["--set", "uplink.codec.xi=0.1", "--out", "my results", "--timing-only"]
    said = command("run", "a.yaml", "--seed", "3", *line)
    again = "edgesim run a.yaml --set uplink.codec.xi=0.1 --out 'my results' --timing-only --seed 4"
    assert said.err.splitlines()[-1] == f"next     {again}    (one seed is no result)"


def test_many_clients_share_a_line(command: Any, runner: Runner) -> None:
    drawn = {"server": 2.0, **{f"client{number}": 1.0 + number for number in range(20)}}
    runner.summary = SUMMARY | {"energy_j": {"total": 212.0, "by_phase": {}, "by_actor": drawn}}
    assert "energy          212 J  (server 2 J, 20 clients 210 J, each 1 J to 20 J)" in command("run", "a.yaml").out


def test_a_traced_run_says_how_to_see_it(command: Any, runner: Runner) -> None:
    assert command("run", "a.yaml", "--trace").err.splitlines()[-1] == f"next     edgesim trace {runner.folder}"


def test_a_check_that_fails_is_shouted(command: Any, runner: Runner) -> None:
    runner.summary = SUMMARY | {"checks": {"phases_tile": True, "bits_match": False}}
    assert "FAILED: bits_match" in command("run", "a.yaml").out


@pytest.mark.parametrize(
    ("ending", "code", "message"),
    [
        (RunError("the loss is nan at step 3"), 1, "edgesim: the loss is nan at step 3\n"),
        (UsageError("cannot write results to x"), 2, "edgesim: cannot write results to x\n"),
        (ScenarioError(["a.yaml:1:2: no", "a.yaml:3:4: nor this"]), 3, "a.yaml:1:2: no\na.yaml:3:4: nor this\n"),
        (NotFoundError("no CIFAR-100"), 5, "edgesim: no CIFAR-100\n"),
        (RunInterrupted("stopped after step 4"), 75, "edgesim: stopped after step 4\n"),
    ],
)
def test_failures_are_one_message_and_a_code(command: Any, runner: Runner, ending: Exception, code: int, message: str) -> None:
    runner.ending = ending
    said = command("run", "a.yaml", "-q")
    assert (said.code, said.out, said.err) == (code, "", message)


def test_a_second_ctrl_c_ends_at_once(command: Any, runner: Runner) -> None:
    runner.ending = KeyboardInterrupt()
    said = command("run", "a.yaml", "-q")
    assert (said.code, said.out) == (130, "")
    assert "Traceback" not in said.err


def test_what_nobody_foresaw_is_one_line_and_a_log_in_the_run_folder(
    runner: Runner, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    runner.ending = ZeroDivisionError("division\nby zero")
    with pytest.raises(ZeroDivisionError) as caught:
        main(["run", "a.yaml", "-q"])
    capfd.readouterr()
    sys.excepthook(ZeroDivisionError, caught.value, caught.tb)  # as the interpreter does before it exits with 1
    log = tmp_path / "run" / "crash.log"
    said = f"edgesim failed unexpectedly: ZeroDivisionError: division by zero; the traceback is in {log}\n"
    assert capfd.readouterr() == ("", said)
    assert log.read_text().startswith("Traceback")
    assert "ZeroDivisionError: division\nby zero" in log.read_text()


@pytest.mark.parametrize(
    "line",
    [
        ["fly"],
        ["run"],
        ["run", "a.yaml", "--seed", "x"],
        ["run", "a.yaml", "--nope"],
        ["run", "a.yaml", "--accelerator", "tpu"],
    ],
)
def test_wrong_usage_is_2(command: Any, line: list[str]) -> None:
    said = command(*line)
    assert (said.code, said.out) == (2, "")
    assert said.err
    assert "Traceback" not in said.err


def test_plan_is_a_table_or_json(command: Any, loaded: Any, stand_in: Callable[..., None]) -> None:
    facts: dict[str, Any] = {"scenario": {"name": "a"}, "steps": 7, "simulated_s": 90.0, "latency_s": {"step_mean": 0.012}}
    facts["resolved"] = {"seed": 2, "uplink": {"codec": {"kind": "adc", "xi": 0.2}}}
    facts["energy_j"] = {"total": 211.0, "by_actor": {"server": 1.0, **{f"client{n}": 1.0 + n for n in range(20)}}}
    stand_in("plan", SimpleNamespace(plan=lambda scenario: facts))
    said = command("plan", "a.yaml", "--set", "data.batch_size=8", "--seed", "2")
    assert loaded == [(Path("a.yaml"), ["data.batch_size=8"], 2)]
    assert "simulated  1 min 30 s" in said.out
    assert "step mean  12 ms" in said.out
    assert "  uplink.codec  {kind: adc, xi: 0.2}" in said.out.splitlines()
    assert "  by actor  server 1 J, 20 clients 210 J, each 1 J to 20 J" in said.out.splitlines()
    assert said.err == "next     edgesim run a.yaml --set data.batch_size=8 --seed 2\n"
    assert json.loads(command("plan", "a.yaml", "--json").out) == facts


def test_validate_says_something_about_every_file(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(path: Path) -> Any:
        if path.name == "bad.yaml":
            raise ScenarioError(["bad.yaml:1:1: one", "bad.yaml:2:1: two"])
        if path.name == "none.yaml":
            raise UsageError("none.yaml: no such file")
        return SimpleNamespace(hash8="0123abcd")

    monkeypatch.setattr(importlib.import_module("edgesim.load"), "load", load)
    said = command("validate", "bad.yaml", "good.yaml", "none.yaml")
    assert said.code == 3
    assert said.out.splitlines() == [
        "bad.yaml:1:1: one",
        "bad.yaml:2:1: two",
        "good.yaml: ok (0123abcd)",
        "none.yaml: no such file",
    ]
    assert command("validate", "good.yaml", "none.yaml").code == 2
    assert command("validate", "good.yaml").code == 0


@pytest.mark.parametrize("name", [each.name for each in app.registered_commands])
def test_help_fits_eighty_columns(command: Any, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = command(name, "--help")
    assert said.code == 0
    assert all(len(line) <= 80 for line in said.out.splitlines())
    assert "\N{HORIZONTAL ELLIPSIS}" not in said.out  # a word too long for its column
    assert "Examples:" in said.out or "Example:" in said.out or name == "doctor"
