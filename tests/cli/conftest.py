"""Running the command line in this process and in one of its own."""

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from edgesim.cli.app import main

ROOT = Path(__file__).resolve().parents[2]


class Said(NamedTuple):
    """What a command left: exit code and both streams."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def own_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    """main() takes over the report of uncaught exceptions; give it back after each test."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Said]:
    """Runs a command in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Said:
        code = main(arguments)
        return Said(code, *capfd.readouterr())

    return run


@pytest.fixture
def process(tmp_path: Path) -> Callable[..., Said]:
    """Runs `python -m edgesim` in a process of its own, in an empty folder; `python` are options of the interpreter."""

    def run(*arguments: str, python: Sequence[str] = (), **environment: str) -> Said:
        variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
        line = [sys.executable, *python, "-m", "edgesim", *arguments]
        done = subprocess.run(line, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False, timeout=120)
        return Said(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts a stand-in for `edgesim.<name>` in place for one test."""
    package = importlib.import_module("edgesim")

    def put(name: str, module: Any) -> None:
        monkeypatch.setitem(sys.modules, f"edgesim.{name}", module)
        monkeypatch.setitem(vars(package), name, module)

    return put
