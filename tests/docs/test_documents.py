"""Every example in README and docs/ is executed as it stands, in a copy of the checkout.

A fenced block of a document is, by its info string,
    python                  code: run in a fresh interpreter
    python file=PATH        a file: written there (also yaml file=PATH)
    console                 a session: every line that begins with `$ ` is run and must succeed
and anything else is only shown. Blocks run in the order of the document. Installing is left to .ci/run, which does it.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
LONG = {"README.md", "adding.md"}  # a fresh interpreter for each of their commands
COPIED = ("edgesim", "channels", "scenarios", "experiments", "tests", "setup.cfg", "pyproject.toml", "README.md")
FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|mailto:|#)(?P<target>[^)#\s]+)(?:#[^)]*)?\)")
NAMED_FILE = re.compile(r"`((?:edgesim|channels|tests|scenarios|docs|benchmarks|experiments|\.ci)/[\w./-]+\.\w+)`")


class Block(NamedTuple):
    """A fenced block: its first word, its `file=` if any, its text, and the line it begins at."""

    language: str
    file: str | None
    body: str
    line: int


def blocks(document: Path) -> list[Block]:
    text = document.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        language, *options = match["info"].split() or [""]
        file = next((option.removeprefix("file=") for option in options if option.startswith("file=")), None)
        found.append(Block(language, file, match["body"], text.count("\n", 0, match.start()) + 1))
    return found


def commands(block: Block) -> list[str]:
    """The commands of a console session, a trailing backslash joining lines."""
    joined = block.body.replace("\\\n", " ")
    return [line.removeprefix("$ ") for line in joined.splitlines() if line.startswith("$ ")]


def arguments(command: str) -> list[str]:
    """The command as it is run here: this interpreter, and trainings cut to two steps."""
    words = shlex.split(command, comments=True)
    if words[0] == "edgesim":
        words = ["python", "-m", *words]
    assert words[0] == "python", f"only python and edgesim commands can be executed: {command}"
    if words[1:4] == ["-m", "edgesim", "run"] and not any("budget.steps" in word for word in words):
        words += ["--set", "budget.steps=2"]
    return [sys.executable, *words[1:]]


def run(words: list[str], folder: Path, where: str) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment = inherited | {"NO_COLOR": "1"}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"{where}: {shlex.join(words)} gave {done.returncode}\n{done.stdout}\n{done.stderr}"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what a newcomer edits."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "results"))
        else:
            shutil.copy(source, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize(
    "document",
    [pytest.param(path, marks=[pytest.mark.slow] * (path.name in LONG), id=path.name) for path in DOCUMENTS],
)
def test_examples_run(document: Path, checkout: Path) -> None:
    for block in blocks(document):
        where = f"{document.name}:{block.line}"
        if block.file is not None:
            target = checkout / block.file
            assert not (ROOT / block.file).exists(), f"{where} would overwrite {block.file}"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.body, encoding="utf-8")
        elif block.language == "python":
            run([sys.executable, "-c", block.body], checkout, where)
        elif block.language == "console":
            for command in commands(block):
                if not command.startswith("pip install"):
                    run(arguments(command), checkout, where)


def test_the_reader_of_documents_sees_blocks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "a\n```python file=x/y.py\n1\n```\n\n```console\n$ edgesim list \\\n    codecs\nout\n```\n", encoding="utf-8"
    )
    found = blocks(page)
    assert found[0] == Block("python", "x/y.py", "1\n", 2)
    assert [shlex.split(command) for command in commands(found[1])] == [["edgesim", "list", "codecs"]]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_named_files_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    written = {block.file for block in blocks(document)}
    missing = [target for target in LINK.findall(text) if not (document.parent / target).exists()]
    missing += [name for name in NAMED_FILE.findall(text) if not (ROOT / name).exists() and name not in written]
    assert not missing
