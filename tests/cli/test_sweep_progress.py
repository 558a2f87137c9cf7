"""A sweep's progress: a line a point, a bar below them on a terminal, nothing when quiet."""

import io
from types import SimpleNamespace
from typing import Any

import pytest

from edgesim.cli.sweep_progress import SweepBar, SweepLines, SweepWatcher, watcher
from edgesim.sweep.job import Outcome


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def told(stream: io.StringIO) -> str:
    """What a sweep of three points says to a stream."""
    point: Any = SimpleNamespace(words=lambda: "adc, seed 0")
    with watcher(stream=stream) as watch:
        watch.begin({"sweep": "many, 3 points"}, 3)
        watch.outcome(point, Outcome("a", "done"))
        watch.outcome(point, Outcome("b", "failed", "the loss is nan\nand more", 1))
        watch.outcome(point, Outcome("c", "done"))
    return stream.getvalue()


def test_a_log_file_gets_plain_lines() -> None:
    head, first, second, third = told(io.StringIO()).splitlines()
    assert head == "sweep  many, 3 points"
    assert first.startswith("1/3  done  adc, seed 0  (wall ")
    assert " left)" in first
    assert second.startswith("2/3  failed  adc, seed 0  the loss is nan  (wall ")
    assert third.startswith("3/3  done  ")
    assert "left" not in third


def test_a_terminal_gets_the_lines_and_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    said = told(Terminal())
    assert "2/3  failed  adc, seed 0  the loss is nan" in said
    assert "100%" in said


def test_who_is_quiet_hears_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert type(watcher(quiet=True, stream=Terminal())) is SweepWatcher
    assert type(watcher(stream=Terminal())) is SweepBar
    assert type(watcher(stream=io.StringIO())) is SweepLines
