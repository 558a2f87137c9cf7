"""A file is one idea and a function fits a screen."""

import ast
from pathlib import Path

import pytest

LINES_PER_FILE = 300
LINES_PER_FUNCTION = 50
ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(path for package in ("edgesim", "channels") for path in (ROOT / package).rglob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_there_are_sources_to_look_at() -> None:
    assert {"edgesim/wire.py", "channels/base.py", "edgesim/sim/ledger.py"} <= {name(path) for path in SOURCES}


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_file_and_functions_are_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= LINES_PER_FILE, f"{name(path)} is {text.count(chr(10))} lines long: one idea a file"
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    long = [
        f"{name(path)}:{node.lineno} {node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, functions) and node.end_lineno - node.lineno + 1 > LINES_PER_FUNCTION
    ]
    assert not long
