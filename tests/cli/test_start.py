"""The light commands stay light: nothing heavy is imported. How long they take: `benchmarks/start.py`."""

import re
from pathlib import Path
from typing import Any

import pytest

from edgesim.load import starter

HEAVY = {"torch", "torchvision", "timm", "matplotlib", "scipy", "simpy", "pyarrow", "numpy"}


def imported(stderr: str) -> set[str]:
    """Top-level modules in the report of `python -X importtime`."""
    return {match[1] for match in re.finditer(r"^import time:.*\|\s+(\w+)[\w.]*$", stderr, re.MULTILINE)}


@pytest.fixture
def scenario(tmp_path: Path) -> str:
    (tmp_path / "first.yaml").write_text(starter())
    return "first.yaml"


@pytest.mark.parametrize("line", ["--help", "run --help", "--version", "validate first.yaml", "list", "schema", "init"])
def test_light_commands_import_nothing_heavy(process: Any, scenario: str, line: str) -> None:
    said = process(*line.split(), python=["-X", "importtime"])
    assert said.code == 0, said.out + said.err[-2000:]
    found = imported(said.err)
    assert "typer" in found
    assert not found & HEAVY


@pytest.mark.parametrize("model", ["tiny_digits", "deit_tiny_patch16_224"])
@pytest.mark.parametrize("line", ["run first.yaml --timing-only", "plan first.yaml"])
def test_what_trains_nothing_imports_nothing_to_train_with(process: Any, scenario: str, model: str, line: str) -> None:
    """torch it has, for the codecs; sympy would come with torch's compiler, matplotlib with a report."""
    asked = ("--set", f"model.name={model}", "--set", "budget.steps=2")
    said = process(*line.split(), *asked, python=["-X", "importtime"])
    assert said.code == 0, said.out + said.err[-2000:]
    found = imported(said.err)
    assert "torch" in found
    assert not found & {"timm", "torchvision", "sympy", "matplotlib", "huggingface_hub", "triton"}


def test_the_package_itself_is_light(process: Any) -> None:
    said = process("--version", python=["-c", "import sys, edgesim; print(edgesim.__version__, *sys.modules); sys.exit()"])
    version, *modules = said.out.split()
    assert re.match(r"\d+\.\d+", version)
    assert not {name.partition(".")[0] for name in modules} & (HEAVY | {"typer", "rich", "pydantic", "yaml"})


def test_the_public_function_load_survives_the_import_of_its_module(process: Any) -> None:
    code = (
        "import edgesim, edgesim.load; from edgesim.load import starter; print(edgesim.load.__name__, edgesim.load.__module__)"
    )
    assert process(python=["-c", code + "; raise SystemExit"]).out.split() == ["load", "edgesim"]


def test_a_reader_that_has_read_enough_is_no_failure(process: Any) -> None:
    closed = "import os, sys; read, write = os.pipe(); os.close(read); os.dup2(write, 1)"
    said = process(python=["-c", f"{closed}; from edgesim.cli.app import main; sys.exit(main(['list']))"])
    assert (said.code, said.err) == (0, "")


def test_a_narrow_terminal_encoding_is_no_failure(process: Any, tmp_path: Path) -> None:
    (tmp_path / "ξ.yaml").write_text("seed: 0\n")
    said = process("validate", "ξ.yaml", PYTHONIOENCODING="ascii")
    assert said.code == 3
    assert said.out.startswith("?.yaml:1:1: ")
