"""Whether a run or a sweep on disk is what was written, and agrees with itself."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from edgesim.errors import EdgesimError, UsageError
from edgesim.record import atomic, index, json_text, lock
from edgesim.record.folder import MANIFEST, digest_of, sha256_of
from edgesim.report.readding import differences
from edgesim.report.redundancy import contradictions
from edgesim.sweep.store import Store

ADDED = ("figures", "timeline.json", "timeline.json.gz", "report.html", "crash.log", lock.FILE)  # later, by other commands
NOT_IN_INDEX = ("status",)
UNREADABLE = (EdgesimError, OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, pa.ArrowException)


class Finding(NamedTuple):
    """Something wrong: in which file or figure of which folder, and what."""

    folder: Path
    message: str


def audit(folder: Path) -> tuple[int, list[Finding]]:
    """How many runs were looked at, and everything that is wrong with them.

    Raises UsageError where there is neither a run nor a sweep.
    """
    if not (folder / MANIFEST).is_file():
        raise UsageError(f"{folder} holds no {MANIFEST}: it is no sweep and no run")
    manifest = _read(folder / MANIFEST)
    if isinstance(manifest, dict) and manifest.get("kind") == "sweep":
        return _sweep(folder, manifest)
    return 1, [Finding(folder, message) for message in _run(folder, manifest)]


def _sweep(folder: Path, manifest: Mapping[str, Any]) -> tuple[int, list[Finding]]:
    store = Store(folder)
    try:
        points = {str(point["id"]): (point["overrides"], point["seed"]) for point in manifest["points"]}
    except (KeyError, TypeError) as error:
        return 0, [Finding(folder, f"{MANIFEST} was altered: {type(error).__name__}: {error}")]
    done = [point for point in points if store.is_done(point)]
    findings = [Finding(folder, message) for message in (*_own(folder, manifest), *_index(folder, store, done))]
    for point in done:
        run = store.run_folder(point)
        own = _read(run / MANIFEST)
        findings += [Finding(run, message) for message in _run(run, own)]
        if isinstance(own, dict) and (own.get("overrides"), own.get("seed")) != points[point]:
            findings.append(Finding(run, f"it is another point than the {MANIFEST} of the sweep says"))
    return len(done), findings


def _own(folder: Path, manifest: Mapping[str, Any]) -> Iterator[str]:
    """What says what the sweep is, is what was written."""
    if manifest.get("sha256") != digest_of(manifest):
        yield f"{MANIFEST} was altered, or written by an older version"
    try:
        if sha256_of(folder / "sweep.yaml") != manifest.get("sweep_sha256"):
            yield "sweep.yaml was altered"
    except OSError:
        yield "sweep.yaml is missing"


def _index(folder: Path, store: Store, done: list[str]) -> Iterator[str]:
    """The table of a sweep says of every finished point what its summary says, and that it is finished of no other."""
    try:
        rows = {row["point"]: row for row in index.read(folder).to_pylist()}
        for point in [point for point, row in rows.items() if row["status"] == "done" and point not in done]:
            yield f"{index.FILE}: point {point} is finished, and its run or its summary is missing"
        for point in done:
            figures = index.flat(store.summary(point))
            wrong = [
                name
                for name, value in figures.items()
                if name not in NOT_IN_INDEX and not _alike(rows.get(point, {}).get(name), value)
            ]
            if wrong:
                yield f"{index.FILE}: point {point}: {', '.join(wrong[:5])} differ from its summary"
    except (EdgesimError, OSError, KeyError, pa.ArrowException) as error:
        yield f"{index.FILE}: {error}"


def _alike(one: Any, other: Any) -> bool:
    """A cell of the table and a figure of a summary, whose infinities are texts and whose whole numbers may stand as floats."""
    number = isinstance(other, int | float) or other in ("inf", "-inf")
    return one == other or (number and one is not None and float(one) == float(other))


def _run(folder: Path, manifest: Any) -> Iterator[str]:
    """What is wrong with one run, from its files to its sums."""
    if not isinstance(manifest, dict):
        yield f"{MANIFEST} is missing, or no JSON object"
        return
    try:
        yield from _looked_through(folder, manifest)
    except UNREADABLE as error:
        yield f"cannot be added up again: {type(error).__name__}: {error}"


def _looked_through(folder: Path, manifest: Mapping[str, Any]) -> Iterator[str]:
    altered = [*_manifest(folder, manifest)]
    yield from altered
    if manifest.get("status") in ("running", None) or altered:
        return
    broken = [*_files(folder, manifest["files"])]
    yield from broken
    if broken or not (folder / "summary.json").is_file():
        return
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    yield from differences(folder, summary)
    yield from contradictions(folder, manifest, summary)


def _manifest(folder: Path, manifest: Mapping[str, Any]) -> Iterator[str]:
    if "sha256" not in manifest:
        yield f"{MANIFEST} has no checksum of its own: it was written by an older version, or altered"
    elif manifest["sha256"] != digest_of(manifest) or _text(folder / MANIFEST) != json_text.dumps(manifest) + "\n":
        yield f"{MANIFEST} was altered"
    elif manifest["status"] == "running":
        how = "is still being written" if lock.is_held(folder) else "was killed; `edgesim run --resume` goes on with it"
        yield f"the run {how}: only a run that has ended can be checked"


def _files(folder: Path, listed: list[Mapping[str, Any]]) -> Iterator[str]:
    """Every file of the manifest is there as it was written, and no other is."""
    for entry in listed:
        path = folder / entry["name"]
        if not path.is_file():
            yield f"{entry['name']} is missing"
        elif path.stat().st_size != entry["bytes"] or sha256_of(path) != entry["sha256"]:
            yield f"{entry['name']} was altered"
    names = {entry["name"] for entry in listed} | {MANIFEST}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in names and name.split("/")[0] not in ADDED and not atomic.is_temporary(path):
            yield f"{name} is none of the run's files"


def _read(path: Path) -> Any:
    try:
        return json.loads(_text(path))
    except (OSError, ValueError, RecursionError):
        return None


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", errors="replace")
