"""README says what is there: its commands, its feature table, its dependencies."""

import re
from pathlib import Path

import pytest

from edgesim import kinds

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RUN = "pip install -e . && python -m edgesim run scenarios/ideal.yaml"
TEST = 'pip install -e ".[dev]" && python -m pytest'


def test_the_two_commands() -> None:
    assert RUN in README
    assert TEST in README


def test_ci_calls_the_very_test_command() -> None:
    assert TEST in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize("slot", ["codec", "channel", "transport", "protocol", "data", "augment", "partition", "optimiser"])
def test_feature_table_names_every_kind_and_no_other(slot: str) -> None:
    row = next(line for line in README.splitlines() if re.match(rf"\| {slot}\w* \|", line))
    assert set(re.findall(r"`(\w+)`", row)) == set(kinds.names(slot))


def test_changelog_has_this_version() -> None:
    version = re.search(r"^version = (.+)$", (ROOT / "setup.cfg").read_text(encoding="utf-8"), re.MULTILINE)
    assert version is not None
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{version[1]}]" in changelog
    assert f"version: {version[1]}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
