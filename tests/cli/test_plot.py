"""`edgesim plot` in a process: exit codes and messages; what it draws is tested in tests/report."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "--kind", "learning"], "nowhere is no folder"),
        ([".", "--kind", "learning"], "holds no run"),
        (["run", "--kind", "lerning"], "unknown plot 'lerning', did you mean 'learning'?"),
        (["run", "--kind", "learning"], "evaluations.csv"),
    ],
)
def test_one_message_and_exit_code_2(command: Callable[..., Any], tmp_path: Path, arguments: list[str], message: str) -> None:
    if arguments[0] == "run":
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "manifest.json").write_text("{}")
        scenario = Path(__file__).parents[2] / "scenarios" / "ideal.yaml"
        (tmp_path / "run" / "resolved.yaml").write_text(scenario.read_text(encoding="utf-8"))
    said = command("plot", *arguments)
    assert said.code == 2
    assert said.out == ""
    assert message in said.err
    assert len(said.err.splitlines()) == 1


def test_the_menu_names_every_plot(command: Callable[..., Any]) -> None:
    said = command("list", "plots")
    assert said.code == 0
    assert {line.split()[0] for line in said.out.splitlines()} >= {"clusters", "attention", "channel", "learning", "phases"}
    assert command("list", "plots", "clusters").out.startswith("The largest clusters")
    assert command("list", "plots", "nothing").code == 2
