"""Imports go down only, and what is light stays light."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "torchvision", "timm", "matplotlib", "pyarrow", "simpy", "scipy")


def modules(root: Path, *patterns: str) -> list[str]:
    """Dotted names of the modules whose files match `patterns`."""
    paths = sorted(path for pattern in patterns for path in root.glob(pattern))
    names = [".".join(path.relative_to(root).with_suffix("").parts) for path in paths]
    return [name.removesuffix(".__init__") for name in names]


def loaded_by(root: Path, imports: list[str]) -> set[str]:
    """The top-level modules in memory after a fresh interpreter has imported `imports`."""
    code = "\n".join([*(f"import {name}" for name in imports), "import sys", "print(*{n.split('.')[0] for n in sys.modules})"])
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_import_contracts_hold(root: Path) -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_time_knows_no_torch(root: Path) -> None:
    names = modules(root, "edgesim/sim/**/*.py", "edgesim/protocols/**/*.py")
    assert "edgesim.sim.ledger" in names
    assert "edgesim.protocols.vanilla" in names
    assert loaded_by(root, names).isdisjoint({"torch", "torchvision", "timm", "matplotlib", "pyarrow"})


@pytest.mark.parametrize("name", ["edgesim", "edgesim.cli.app", "edgesim.scenario", "edgesim.load", "edgesim.kinds"])
def test_start_up_is_light(root: Path, name: str) -> None:
    assert loaded_by(root, [name]).isdisjoint(HEAVY)


def test_records_know_no_torch(root: Path) -> None:
    assert loaded_by(root, modules(root, "edgesim/record/*.py")).isdisjoint({"torch", "timm", "simpy", "matplotlib"})


def test_channels_stand_alone(root: Path) -> None:
    assert loaded_by(root, modules(root, "channels/*.py")).isdisjoint({"edgesim", "simpy", "timm", "yaml"})
