"""Runs and sweeps on one page that needs nothing else: no network, no script, no file beside it."""

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from edgesim import kinds
from edgesim.errors import EdgesimError, UsageError
from edgesim.record import atomic, index
from edgesim.report import gallery, page, tables
from edgesim.report.compare import compare
from edgesim.report.groups import gathered
from edgesim.report.plot import drawn
from edgesim.report.results import Results

FILE = "report.html"
TEMPLATE = Path(__file__).parent / "templates" / FILE
RESOLUTION = 150  # dots per inch
Describe = Callable[[Mapping[str, Any]], Sequence[tuple[str, str]]]


class Shown(NamedTuple):
    """A figure. image, numbers: data URIs of a PNG and of the CSV behind it; inches: its width in print."""

    kind: str
    doc: str
    image: str
    numbers: str
    inches: float


class Part(NamedTuple):
    """What is said about one folder.

    facts     label and text
    checks    by name: whether it holds; of a sweep how many points do
    failed    points without a result: name and reason
    scenario  the file that was run, as text
    """

    name: str
    folder: str
    facts: Sequence[tuple[str, str]]
    checks: Sequence[tuple[str, bool, str]]
    failed: Sequence[tuple[str, str]]
    scenario: str


def write(folders: Sequence[Path], out: Path | None, describe: Describe) -> Path:
    """Write the report and give its path.

    folders   of runs and sweeps
    out       the file; `report.html` in the folder where left out, which is for one folder only
    describe  makes labels and texts of a summary

    Raises UsageError for a folder that is neither, or without an end; RunError for a file that cannot be read.
    """
    if len(folders) > 1 and out is None:
        raise UsageError(f"a report of {len(folders)} folders belongs to none of them: say where it goes with --out FILE.html")
    runs, left_out = gathered(folders)
    for run in runs:
        _ = run.figures  # a run that has not ended is said before anything is drawn
    parts = [_part(folder, describe) for folder in folders]
    figures, not_drawn = _figures(runs)
    content = _page(
        title=", ".join(part.name for part in parts),
        parts=parts,
        figures=figures,
        not_drawn=not_drawn,
        table=tables.cells(compare(folders), "\u00b1") if len(runs) > 1 else None,
        reconstructions=sorted({kind for run in runs for kind in _reconstructions(run)}),
        left_out=left_out,
    )
    try:
        return atomic.write_bytes(out or folders[0] / FILE, content.encode())
    except OSError as error:
        raise UsageError(
            f"cannot write {out or folders[0] / FILE}: {error.strerror or error}; name a file with --out"
        ) from None


def _page(**content: Any) -> str:
    """The template, filled; whatever comes from a user is escaped."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(content)


def _figures(runs: Sequence[Results]) -> tuple[list[Shown], list[tuple[str, str]]]:
    """Every figure that these runs allow, and why the others are missing."""
    shown, missing = [], []
    for kind in gallery.names() if runs else ():
        figure = gallery.load(kind)
        if figure.best_of == ("several" if len(runs) == 1 else "one"):
            continue
        try:
            picture, numbers = drawn(figure, runs)
        except EdgesimError as error:
            missing.append((kind, str(error)))
            continue
        image = _uri("image/png", page.image(picture, "png", dpi=RESOLUTION))
        table = _uri("text/csv", page.as_csv(numbers.rows).encode())
        shown.append(Shown(kind, gallery.doc(kind).partition("\n")[0], image, table, float(picture.get_size_inches()[0])))
    return shown, missing


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _part(folder: Path, describe: Describe) -> Part:
    if (folder / index.FILE).is_file():
        return _of_sweep(folder)
    run = Results(folder)
    made = run.manifest
    code = " ".join(str(value) for value in (made.get("git") or {}).values() if isinstance(value, str))
    facts = [("seed", str(run.seed)), *describe(run.summary), ("started", made["started"]), ("code", code or "not known")]
    checks = [(name, held, "holds" if held else "FAILED") for name, held in run.summary["checks"].items()]
    return Part(run.name, str(folder), facts, checks, [], (folder / "resolved.yaml").read_text(encoding="utf-8"))


def _of_sweep(folder: Path) -> Part:
    rows = index.read(folder).to_pylist()
    done = [row for row in rows if row["status"] == "done"]
    counts = [
        (status, str(sum(row["status"] == status for row in rows))) for status in dict.fromkeys(r["status"] for r in rows)
    ]
    names = dict.fromkeys(key for row in rows for key in row if key.startswith("checks."))
    checks = []
    for name in names:
        wrong = [row["point"] for row in done if row[name] is False]
        said = f"FAILED in {len(wrong)} points, {wrong[0]} first" if wrong else f"holds in all {len(done)} points"
        checks.append((name.removeprefix("checks."), not wrong, said))
    failed = [(row["point"], row["error"] or row["status"]) for row in rows if row["status"] != "done"]
    file = folder / "sweep.yaml"
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    return Part(folder.resolve().name, str(folder), [("points", str(len(rows))), *counts], checks, failed, text)


def _reconstructions(run: Results) -> Iterator[str]:
    """The run's codecs that were built from a published abstract."""
    for kind in run.codecs:
        if kinds.exists("codec", kind) and kinds.read("codec", kind).flags.get("reconstruction") is True:
            yield kind
