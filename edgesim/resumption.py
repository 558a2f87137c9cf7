"""Which run a run goes on from: the one that `--resume` finds, or the moment that `--fork-from` names."""

import contextlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from edgesim.errors import Busy, EdgesimError, RunError, UsageError
from edgesim.record import atomic, checkpoint, lock, origin, recovery
from edgesim.record.checkpoint import Checkpoint
from edgesim.record.folder import MANIFEST, folder_name
from edgesim.scenario import Scenario
from edgesim.session import Session

REMARKED = ("versions", "threads", "accelerator", "deterministic")  # facts that may change a run's last digits
YOUNG_S = 60.0  # another process may just have made a folder in which nothing is yet


class Past(NamedTuple):
    """A run on disk, finished or not."""

    path: Path
    manifest: Mapping[str, Any]

    def summary(self) -> dict[str, Any]:
        """Of a run that is done."""
        return _object(self.path / "summary.json")

    @property
    def is_done(self) -> bool:
        """Whether it came to its end."""
        return self.manifest.get("status") == "done"


class Fork(NamedTuple):
    """A moment of another run that a new one begins from."""

    folder: Path
    start: Checkpoint

    def parent(self) -> dict[str, Any]:
        """What the new run's manifest says of it."""
        return {"run": self.folder.name, "step": self.start.step, "digest": self.start.facts.get("digest")}


class Start(NamedTuple):
    """Where a run begins. checkpoint: None at the beginning; remarks: what is worth knowing about it."""

    checkpoint: Checkpoint | None
    remarks: Sequence[str]


def find(out: Path, scenario: Scenario, *, timing_only: bool, fork: Fork | None = None) -> Past | None:
    """The newest run of a scenario and its seed under `out`; None where there is none, nor an unfinished one of its name.

    fork  what the run was forked from

    Raises Busy where it is being written, UsageError where it is of another major version, or where the newest unfinished run
    of that name and seed is of a scenario that differs.
    """
    wanted = {"seed": scenario.seed, "timing_only": timing_only, "parent": fork.parent() if fork is not None else None}
    alike = [run for run in _runs(out / folder_name(scenario.name)) if _has(run.manifest, wanted)]
    mine = next((run for run in alike if run.manifest.get("hash") == scenario.hash8), None)
    if mine is not None:
        _check(mine)
        return mine
    other = next((run for run in alike if not run.is_done and not lock.is_held(run.path)), None)
    if other is not None:
        raise UsageError(
            f"cannot resume: the unfinished run {other.path} is of another scenario ({other.manifest.get('hash')}, and this "
            f"one's is {scenario.hash8}); go on with it by `edgesim run {other.path / 'resolved.yaml'} --resume`, branch it by "
            "--fork-from, or leave --resume out to start a new run"
        )
    return None


def tidy(done: Past) -> None:
    """Remove what a process left that was killed when its run had just ended, where it can be removed.

    That is its lock, and checkpoints that are none of the run's files.
    """
    listed = str(done.manifest.get("files"))
    spare = [path for path in checkpoint.everything(done.path) if path.name not in listed]
    if spare or (done.path / lock.FILE).is_file():
        with contextlib.suppress(EdgesimError), lock.held(done.path):  # who has held the lock removes it
            for path in spare:
                atomic.remove(path)


def bury(out: Path, scenario: Scenario) -> None:
    """Remove the folders of runs of a scenario and its seed that were killed before there was a manifest: they hold nothing."""
    for folder in (out / folder_name(scenario.name)).glob(f"*-{scenario.hash8}-s{scenario.seed}"):
        with contextlib.suppress(OSError):
            young = time.time() - folder.stat().st_mtime < YOUNG_S
            empty = all(path.name == lock.FILE or atomic.is_temporary(path) for path in folder.iterdir())
            if empty and not young and not lock.is_held(folder):
                shutil.rmtree(folder)


def unfinished(out: Path, scenario: Scenario, *, timing_only: bool) -> Path | None:
    """The newest run of a scenario and its seed under `out`, if it has not come to its end and nobody writes it.

    None, too, where the runs there cannot be read: a new one needs none of them.
    """
    wanted = {"seed": scenario.seed, "timing_only": timing_only, "hash": scenario.hash8}
    try:
        newest = next((run for run in _runs(out / folder_name(scenario.name)) if _has(run.manifest, wanted)), None)
    except (OSError, RunError):
        return None
    return None if newest is None or newest.is_done or lock.is_held(newest.path) else newest.path


def start_of(past: Past, scenario: Scenario) -> Start:
    """Where an unfinished run goes on; whoever calls holds its lock. Nothing is written.

    Raises UsageError where it cannot go on, RunError where its files cannot be read.
    """
    if Past(past.path, _object(past.path / MANIFEST)).is_done:
        raise Busy(f"{past.path} has just been finished by another process")
    found, refused = checkpoint.latest(past.path, recovery.rows(past.path))
    if found is None and past.manifest.get("parent") is not None:
        raise UsageError(f"{past.path} cannot be resumed: {'; '.join(refused) or 'its checkpoint is missing'}; fork it anew")
    if found is not None and found.facts.get("digest") != scenario.digest:
        raise UsageError(f"{past.path} cannot be resumed: its checkpoint is of another scenario than its manifest says")
    return Start(found, [f"passed over: {reason}" for reason in refused])


def rewind(folder: Path, start: Checkpoint | None) -> None:
    """Leave what a run held at a checkpoint, or nothing, and no trace of how it ended. Raises RunError."""
    recovery.rewind(folder, start.rows if start is not None else {})
    recovery.forget(folder, later_than=start.step if start is not None else -1)
    checkpoint.thin(folder)


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """What has changed since a checkpoint that may change a run's last digits, in words; None where nothing has."""
    before, after = ({**facts.get("versions", {}), **{key: facts.get(key) for key in REMARKED[1:]}} for facts in (then, now))
    changed = [f"{key} {before.get(key)} -> {value}" for key, value in after.items() if before.get(key) != value]
    if not changed:
        return None
    return f"changed since the checkpoint: {', '.join(changed)}; the last digits may differ from an uninterrupted run's"


def read_fork(text: str) -> Fork:
    """The moment that RUN@STEP, or RUN for its latest, names. Raises UsageError where there is no such checkpoint."""
    folder, step = checkpoint.moment(text)
    if not (folder / MANIFEST).is_file():
        raise UsageError(f"--fork-from {text}: {folder} holds no {MANIFEST}: it is no run folder")
    files = {checkpoint.step_of(path): path for path in checkpoint.everything(folder)}
    there = f"it has checkpoints of steps {', '.join(map(str, sorted(files)))}" if files else "it has no checkpoints"
    if step is not None and step not in files:
        raise UsageError(f"--fork-from {text}: {folder} has no checkpoint of step {step}; {there}")
    if not files:
        raise UsageError(f"--fork-from {text}: {there} (host.checkpoint_every_s and host.checkpoint_every_steps make some)")
    return Fork(folder, checkpoint.read(files[max(files) if step is None else step]))


def restore(session: Session, start: Checkpoint, source: Path) -> None:
    """Put a session where a checkpoint was. Raises UsageError where its state does not fit."""
    try:
        session.restore(start.state)
    except (KeyError, IndexError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        said = " ".join(str(error).split())[:300]
        raise UsageError(
            f"the state of {source} at step {start.step} does not fit this scenario and this version ({type(error).__name__}: "
            f"{said}); a fork may change numbers such as the budget, optimiser.lr or a channel's SNR, but not what there is"
        ) from error


def _check(run: Past) -> None:
    if lock.is_held(run.path):
        raise Busy(f"{run.path} is being written by another process: wait for it or stop it")
    version, mine = (run.manifest.get("versions") or {}).get("edgesim"), origin.versions()["edgesim"]
    if str(version).split(".")[0] != str(mine).split(".")[0]:
        raise UsageError(
            f"cannot resume {run.path}: it was begun with edgesim {version}, and this is {mine}; install that version, or "
            "leave --resume out to start a new run"
        )


def _runs(folder: Path) -> Iterator[Past]:
    """The runs of a scenario's folder, the newest first."""
    paths = [path for path in folder.iterdir() if (path / MANIFEST).is_file()] if folder.is_dir() else []
    for path in sorted(paths, key=lambda path: (path.name[:15], len(path.name), path.name), reverse=True):
        yield Past(path, _object(path / MANIFEST))


def _object(path: Path) -> dict[str, Any]:
    """What a JSON file of a run holds. Raises RunError where it cannot be read."""
    folder = path.parent
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read ({error}); move {folder} away to go on without it") from None
    if not isinstance(found, dict):
        raise RunError(f"{path} holds no object; move {folder} away to go on without it")
    return found


def _has(manifest: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(manifest.get(key) == value for key, value in wanted.items())
