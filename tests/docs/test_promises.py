"""README says what is there: its commands, its feature table, its dependencies."""

import re
import subprocess
import sys
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


@pytest.mark.parametrize(
    "slot", ["codec", "channel", "transport", "protocol", "data", "augment", "partition", "distribution", "optimiser"]
)
def test_feature_table_names_only_kinds_that_exist(slot: str) -> None:
    """Only: a new kind is a new file, and nothing else has to be edited for it."""
    assert named(slot) <= set(kinds.names(slot))


def test_feature_table_names_only_devices_and_scenarios_that_exist() -> None:
    assert named("device") <= set(kinds.devices())
    assert named("scenario") <= {path.stem for path in (ROOT / "scenarios").glob("*.yaml")}


def named(what: str) -> set[str]:
    """The names in a row of the feature table; there are some."""
    row = next(line for line in README.splitlines() if re.match(rf"\| {what}\w* \|", line))
    names = set(re.findall(r"`(\w+)`", row))
    assert names
    return names


def test_the_scenario_shown_is_the_scenario_shipped() -> None:
    assert (ROOT / "scenarios" / "ideal.yaml").read_text(encoding="utf-8") in README


def test_the_output_shown_is_what_a_run_prints(tmp_path: Path) -> None:
    """The same labels in the same order; the numbers are those of the machine it was copied from."""
    command = [
        sys.executable,
        "-m",
        "edgesim",
        "run",
        "scenarios/ideal.yaml",
        "--set",
        "budget.steps=2",
        "--out",
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300)
    shown = re.search(r"^```text\n(status.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert shown is not None
    assert labels(shown[1]) == labels(done.stdout)


def labels(table: str) -> list[str]:
    return [line.split("  ")[0] for line in table.splitlines() if line.strip()]


def test_every_cited_section_has_a_public_source() -> None:
    sources = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
    listed = {}
    for page, table in re.findall(r"^## (\w+)\.md\n(.*?)(?=^## |\Z)", sources, re.MULTILINE | re.DOTALL):
        rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| ")]
        listed[page] = {section.strip() for row in rows for section in row.split(",")}
    cited = [
        (path.relative_to(ROOT), page, section)
        for package in ("edgesim", "channels")
        for path in sorted((ROOT / package).rglob("*.py"))
        for page, section in re.findall(r"\b(compression|phy)\.md (\d[\d.]*\d|\d)", path.read_text(encoding="utf-8"))
    ]
    assert cited
    assert [place for place in cited if place[2] not in listed[place[1]]] == []


def test_changelog_has_this_version() -> None:
    version = re.search(r"^version = (.+)$", (ROOT / "setup.cfg").read_text(encoding="utf-8"), re.MULTILINE)
    assert version is not None
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{version[1]}]" in changelog
    assert f"version: {version[1]}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
