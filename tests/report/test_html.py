"""The report: what it says, that nothing of a user's is read as HTML, and how a real browser takes it."""

import base64
import csv
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

from channels import curves
from edgesim.cli.summary import pairs
from edgesim.errors import UsageError
from edgesim.record import index
from edgesim.report.html import write

HOSTILE = "</title><script>document.title='taken'</script><img src=x onerror=\"console.error('taken')\">&amp;{{ 7 * 7 }}"


class Page(HTMLParser):
    """Tags with their attributes, and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def hostile(seeds: list[Path], adc: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of three runs, a label of which is an attack, and a point that failed with another."""
    folder = tmp_path_factory.mktemp("hostile")
    rows: list[dict[str, Any]] = []
    for number, run in enumerate([*seeds, adc]):
        (folder / "points").mkdir(exist_ok=True)
        (folder / "points" / str(number)).symlink_to(run)
        figures = index.flat(json.loads((run / "summary.json").read_text(encoding="utf-8")))
        seed = int(run.name.rpartition("-s")[2])
        label = HOSTILE if run == adc else "base"
        facts = {"seed": seed, "status": "done", "path": f"points/{number}", "error": None}
        rows.append({"point": str(number), "label": label} | facts | {k: v for k, v in figures.items() if k != "status"})
    failed = {"seed": 0, "status": "failed", "path": None, "error": f"broke at {HOSTILE}"}
    index.write(folder, [*rows, {"point": "bad", "label": "bad"} | failed])
    (folder / "sweep.yaml").write_text(f"# {HOSTILE}\n", encoding="utf-8")
    (folder / "manifest.json").write_text("{}", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def swept(hostile: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the sweep."""
    with mpl.rc_context():
        return write([hostile], tmp_path_factory.mktemp("page") / "report.html", pairs)


def read(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def test_a_sweeps_report_compares_draws_and_names_what_failed(swept: Path) -> None:
    page = read(swept)
    drawn = [image["alt"].partition(":")[0] for image in page.all("img") if image["alt"]]
    assert drawn == ["accuracy_vs_budget", "accuracy_vs_snr", "accuracy_vs_xi", "latency_cdf", "pareto", "phases"]
    assert "holds in all 3 points" in page.text
    assert "Left out, failed or not at their end: 1" in page.text
    assert f"broke at {HOSTILE}" in page.text
    for link in page.all("a"):  # whatever is drawn first changes nothing of what is drawn next
        lines = base64.b64decode((link["href"] or "").partition(",")[2]).decode().splitlines()
        assert {next(csv.reader([line]))[0] for line in lines[1:]} == {"base", HOSTILE}, link["download"]
    assert "Student-t" in page.text
    assert "Reconstructions" not in page.text


def test_nothing_of_a_users_is_read_as_html(swept: Path) -> None:
    page = read(swept)
    assert page.text.count(HOSTILE) >= 3  # the label, the failure, the file
    assert not page.all("script")
    assert all("onerror" not in attributes for _, attributes in page.tags)


def test_the_page_needs_nothing_else(swept: Path) -> None:
    page = read(swept)
    for tag, attributes in page.tags:
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith("data:"), tag
    assert "url(" not in swept.read_text(encoding="utf-8")
    for image in page.all("img"):
        assert base64.b64decode((image["src"] or "").partition(",")[2]).startswith(b"\x89PNG")
    tables = [link for link in page.all("a") if link["download"]]
    assert len(tables) == len(page.all("img"))
    assert base64.b64decode((tables[0]["href"] or "").partition(",")[2]).startswith(b"curve,")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Coarse channel curves: here only their way onto the page is tested."""
    monkeypatch.setattr(curves, "SYMBOLS", 1 << 10)
    monkeypatch.setattr(curves, "BLOCKS", 500)
    monkeypatch.setattr(curves, "LINKS", 20)


@pytest.mark.usefixtures("few")
def test_a_runs_report_has_its_summary_scenario_and_figures(adc: Path, tmp_path: Path) -> None:
    page = read(write([adc], tmp_path / "one.html", pairs))
    drawn = {(image["alt"] or "").partition(":")[0] for image in page.all("img")}
    assert {"attention", "channel", "clusters", "confusion", "learning", "phases", "timeline"} < drawn
    assert not drawn & {"accuracy_vs_xi", "pareto"}
    for label, text in pairs(json.loads((adc / "summary.json").read_text(encoding="utf-8"))):
        assert label in page.text
        assert text in page.text
    assert (adc / "resolved.yaml").read_text(encoding="utf-8") in page.text


def test_a_check_that_fails_and_a_reconstruction_cannot_be_overlooked(base: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(base, run)
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    summary["checks"]["bits_match"] = False
    (run / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    resolved = (run / "resolved.yaml").read_text(encoding="utf-8")
    chained = "kind: chain\n    stages: [{kind: slacc, xi: 0.5}, {kind: quantise, bits: 8}]"
    (run / "resolved.yaml").write_text(resolved.replace("kind: identity", chained, 1), encoding="utf-8")
    page = read(write([run], None, pairs))
    assert (run / "report.html").is_file()
    assert "Reconstructions: slacc." in " ".join(page.text.split())
    assert {"class": "failed"} in page.all("td")
    assert "bits_matchFAILED" in page.text


def test_bad_use_is_said(adc: Path, base: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="say where it goes with --out"):
        write([adc, base], None, pairs)
    with pytest.raises(UsageError, match="it is no sweep and no run"):
        write([tmp_path], None, pairs)
    (tmp_path / "manifest.json").write_text('{"status": "running"}')
    with pytest.raises(UsageError, match="the run is running; run it to its end"):
        write([tmp_path], None, pairs)


Browse = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def browse(tmp_path: Path) -> Browse:
    """Runs a headless Chromium without a network; skips where there is none."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("no chromium, chromium-browser or google-chrome on PATH; apt-get install chromium")
    fixed = ["--headless", "--disable-gpu", "--enable-logging=stderr", "--host-resolver-rules=MAP * ~NOTFOUND"]
    fixed += [f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1100,1600", "--disable-dev-shm-usage"]
    if os.geteuid() == 0:
        fixed.append("--no-sandbox")  # Chromium refuses to start as root with one

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([program, *fixed, *arguments], capture_output=True, text=True, check=True, timeout=120)

    return run


PROBE = """<script>addEventListener("load", () => { document.body.dataset.whole =
[...document.images].filter(image => image.complete && image.naturalWidth > 0).length;
document.body.dataset.overflow = document.documentElement.scrollWidth > innerWidth; console.info("probe ran"); })</script>"""


@pytest.mark.slow
def test_a_browser_shows_it_whole(swept: Path, browse: Browse, tmp_path: Path) -> None:
    """The page as it is: its title survives the attack and the console stays empty. A copy with a probe counts its images."""
    shown = browse("--dump-dom", swept.as_uri())
    assert "CONSOLE" not in shown.stderr
    assert re.search(r"<title>[^<]*: edgesim</title>", shown.stdout)
    assert "taken</title>" not in shown.stdout
    probed = tmp_path / "probed.html"
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", swept.read_text(encoding="utf-8"))
    probed.write_text(text.replace("</body>", PROBE + "</body>"), encoding="utf-8")
    told = browse("--dump-dom", probed.as_uri())
    assert "probe ran" in told.stderr  # so the console's silence above was heard
    assert f'data-whole="{len(read(swept).all("img"))}"' in told.stdout
    assert 'data-overflow="false"' in told.stdout


@pytest.mark.slow
def test_a_browser_paints_it(swept: Path, browse: Browse, tmp_path: Path) -> None:
    from PIL import Image

    target = tmp_path / "shot.png"
    browse(f"--screenshot={target}", swept.as_uri())
    with Image.open(target) as shot:
        grey = shot.convert("L")
        assert shot.size == (1100, 1600)
        assert len(grey.getcolors() or ()) > 50  # letters and figures, not a blank sheet
