"""What the checkout may and must hold, beyond Python."""

import configparser
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = sorted((ROOT / "scenarios").glob("*.yaml"))
# Folders of somebody's machine: such a path works nowhere else.
MACHINE = re.compile(r"(?<![\w.])/(?:work|root|home|Users|mnt)/[\w.-]+")
BINARY = {".npz", ".png", ".gz", ".safetensors", ".pdf"}


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout: there is no list of tracked files")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def test_no_machine_paths() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in tracked()
        if path.suffix not in BINARY and path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if MACHINE.search(line)
    ]
    assert not found


def test_no_large_files() -> None:
    """Data sets and weights stay outside; the bundled digits are the one exception and small."""
    assert not [f"{path.relative_to(ROOT)}: {path.stat().st_size} B" for path in tracked() if path.stat().st_size > 500_000]


def test_data_files_are_packaged() -> None:
    """A file that setup.cfg does not name works in a checkout and is missing from an installation."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    for package in ("edgesim", "channels"):
        patterns = setup["options.package_data"][package].split()
        packaged = {path for rule in patterns for path in (ROOT / package).glob(rule)}
        needed = {path for path in tracked() if path.is_relative_to(ROOT / package) and path.suffix != ".py"}
        assert needed <= packaged


def test_contract_scenarios_are_shipped() -> None:
    wanted = {"ideal", "base", "topk", "noisy", "fading", "quantised", "paper_cifar100_deit_tiny", "paper_food101_deit_small"}
    assert wanted <= {path.stem for path in SCENARIOS}


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_scenario_opens_with_what_it_shows_and_its_command(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    opening = lines[: next(number for number, line in enumerate(lines) if not line.startswith("#"))]
    assert opening, "a scenario opens with a comment: what it shows, then its command"
    assert len(opening[0]) > 20, opening[0]
    command = f"python -m edgesim run scenarios/{path.name}"
    assert any(line.removeprefix("#").strip().startswith(command) for line in opening), f"no line `# {command}`"
