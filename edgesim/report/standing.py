"""How a run or a sweep stands, read from what it has written until now."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from edgesim.errors import UsageError
from edgesim.record import lock, tables
from edgesim.record.folder import FAILURE, MANIFEST
from edgesim.report.results import Results
from edgesim.sweep.store import Store


class RunStanding(NamedTuple):
    """A run.

    status   of its manifest: running, done, interrupted, failed; killed, where it says running and no process writes it
    budget   what the scenario allows, by name
    step     the latest that is on disk, at most half a minute behind; None before the first
    looks    at the test set, one row each
    reason   why it failed; None where it did not
    summary  of a run that ended well
    """

    name: str
    status: str
    budget: Mapping[str, Any]
    step: Mapping[str, Any] | None
    looks: Sequence[Mapping[str, Any]]
    reason: str | None
    summary: Mapping[str, Any] | None


class SweepStanding(NamedTuple):
    """A sweep.

    status   running, done, or stopped: points are left and nobody works on them
    done     points that are finished, of `total`
    failed   points that failed: name and reason
    working  on these points now
    """

    name: str
    status: str
    total: int
    done: int
    failed: Sequence[tuple[str, str]]
    working: Sequence[RunStanding]


def standing(folder: Path) -> RunStanding | SweepStanding:
    """How the run or sweep in a folder stands. Raises UsageError where there is neither."""
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise UsageError(f"{folder} holds no {MANIFEST}: it is no sweep and no run")
    facts = json.loads(manifest.read_text(encoding="utf-8"))
    return _of_sweep(folder, facts) if facts.get("kind") == "sweep" else _of_run(folder)


def _of_run(folder: Path) -> RunStanding:
    run = Results(folder)
    budget = {key: value for key, value in run.section("budget").items() if value is not None}
    ended = (folder / "summary.json").is_file()
    status = run.manifest["status"]
    if status == "running" and not lock.is_held(folder):
        status = "killed"
    step = tables.last(folder, "steps")
    return RunStanding(run.name, status, budget, step, run.looks(), _reason(folder), run.summary if ended else None)


def _reason(folder: Path) -> str | None:
    path = folder / FAILURE
    return str(json.loads(path.read_text(encoding="utf-8"))["message"]) if path.is_file() else None


def _of_sweep(folder: Path, facts: Mapping[str, Any]) -> SweepStanding:
    store = Store(folder)
    points = [point["id"] for point in facts["points"]]
    done = sum(store.is_done(point) for point in points)
    failed = [(point, str(failure["message"])) for point in points if (failure := store.failure(point)) is not None]
    status = "running" if store.is_locked() else "done" if done + len(failed) == len(points) else "stopped"
    return SweepStanding(facts["name"], status, len(points), done, failed, list(_working(folder)))


def _working(folder: Path) -> Iterator[RunStanding]:
    """The runs under way in a sweep's folder."""
    for manifest in sorted(folder.glob(f"attempts/*/*/*/{MANIFEST}")):
        try:
            run = _of_run(manifest.parent)
            if run.status == "running":  # and not waiting to be gone on with
                yield run
        except (UsageError, FileNotFoundError):  # it has only just begun, or was moved to its place while we looked
            continue
