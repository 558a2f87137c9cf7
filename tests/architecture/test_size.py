"""A file is one idea and a function fits a screen."""

import ast
from pathlib import Path

LINES_PER_FILE = 300
LINES_PER_FUNCTION = 50
ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(path for package in ("edgesim", "channels") for path in (ROOT / package).rglob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_there_are_sources_to_look_at() -> None:
    assert {"edgesim/wire.py", "channels/base.py", "edgesim/sim/ledger.py"} <= {name(path) for path in SOURCES}


def test_files_are_short() -> None:
    lengths = {name(path): path.read_text(encoding="utf-8").count("\n") for path in SOURCES}
    assert not {path: lines for path, lines in lengths.items() if lines > LINES_PER_FILE}, "one idea a file"


def test_functions_fit_a_screen() -> None:
    long = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                lines = node.end_lineno - node.lineno + 1
                if lines > LINES_PER_FUNCTION:
                    long.append(f"{name(path)}:{node.lineno} {node.name}: {lines} lines")
    assert not long
