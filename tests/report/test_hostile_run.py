"""A run whose every text is an attack: the scenario with its comments, names and paths, what it says of itself, its classes."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from edgesim.cli.summary import pairs
from edgesim.report.html import write
from tests.report.test_html import HOSTILE, Page

TEXTS = ("stopped_by", "command", "overrides", "git", "versions", "host")


def spoilt(value: Any) -> Any:
    """Every text in plain data, and every name of a mapping, with an attack behind it."""
    if isinstance(value, dict):
        return {key: spoilt(item) for key, item in value.items()}
    if isinstance(value, list):
        return [spoilt(item) for item in value]
    return value + HOSTILE if isinstance(value, str) else value


@pytest.fixture
def hostile_run(base: Path, tmp_path: Path) -> Path:
    run = tmp_path / "run <script>alert(1)<"
    shutil.copytree(base, run)
    for name in ("summary.json", "manifest.json"):
        content = json.loads((run / name).read_text(encoding="utf-8"))
        content |= {key: spoilt(content[key]) for key in TEXTS if key in content}
        (run / name).write_text(json.dumps(content), encoding="utf-8")
    for name in ("scenario.yaml", "resolved.yaml"):
        text = (run / name).read_text(encoding="utf-8")
        (run / name).write_text(f"# {HOSTILE}\n{text}\n# {HOSTILE}\n", encoding="utf-8")
    return run


def test_no_text_of_a_run_is_read_as_html(hostile_run: Path, tmp_path: Path) -> None:
    written = write([hostile_run], tmp_path / "page.html", pairs)
    page = Page(written.read_text(encoding="utf-8"))
    assert not page.all("script")
    assert not [image for image in page.all("img") if "onerror" in image]
    assert not [name for _tag, attributes in page.tags for name in attributes if name.startswith("on")]
    assert page.text.count("<script>document.title='taken'</script>") >= 2  # as what it is: text
    assert "{{ 7 * 7 }}" in page.text
    assert "<script>alert(1)<" in page.text
