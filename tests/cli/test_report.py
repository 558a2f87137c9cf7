"""`edgesim report` in a process: streams and exit codes; the page is tested in tests/report."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_a_run_becomes_a_page_beside_it(command: Callable[..., Any], tmp_path: Path) -> None:
    ran = command(
        "run", str(ROOT / "scenarios" / "fading.yaml"), "--timing-only", "--set", "budget={steps: 2}", "--out", "r", "-q"
    )
    assert ran.code == 0
    said = command("report", "r/fading")
    assert (said.code, said.err) == (0, "")
    page = tmp_path / said.out.strip()
    assert page.name == "report.html"
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert "nothing was trained" in page.read_text(encoding="utf-8")  # why figures of accuracy are missing


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere is no folder"),
        (["."], "holds no run"),
        (["run"], "the run is running; run it to its end"),
        (["run", "run"], "say where it goes with --out FILE.html"),
    ],
)
def test_one_message_and_exit_code_2(command: Callable[..., Any], tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "run").mkdir()
    if arguments[0] == "run":
        (tmp_path / "run" / "manifest.json").write_text('{"status": "running"}')
    said = command("report", *arguments)
    assert (said.code, said.out) == (2, "")
    assert message in said.err
    assert len(said.err.splitlines()) == 1
