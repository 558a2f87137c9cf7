"""What a sweep keeps on disk: finished points, failures, and work under way.

sweeps/<name>/
    points/<id>/        a finished run, moved here whole
    failed/<id>.json    why a point failed
    attempts/<id>/      a run under way; what a kill leaves here is gone on with from its checkpoint, or else removed
    .stop               here while the sweep is being stopped: whoever works for it, on whatever machine, looks for it
    manifest.json  sweep.yaml  index.parquet
"""

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgesim.errors import Busy, RunError, UsageError
from edgesim.record import atomic, checkpoint, index, json_text, lock

LOCK = ".lock"
STOP = ".stop"
OWN = ("sweep.yaml", "manifest.json", index.FILE)  # what only the sweep writes, unlike reports and figures


class Store:
    """The folder of a sweep.

    path  the folder, absolute
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def run_folder(self, point: str) -> Path:
        """Where the finished run of a point is, or will be."""
        return self.path / "points" / point

    def is_done(self, point: str) -> bool:
        """Whether the point is finished: its run is here as a whole or not at all."""
        return (self.run_folder(point) / "summary.json").is_file()

    def summary(self, point: str) -> dict[str, Any]:
        """summary.json of a finished point."""
        return _json(self.run_folder(point) / "summary.json")

    def failure(self, point: str) -> dict[str, Any] | None:
        """Why the point failed, None where it did not."""
        path = self._failure(point)
        return _json(path) if path.is_file() and not self.is_done(point) else None

    def fail(self, point: str, facts: dict[str, Any]) -> None:
        """Remember that the point failed."""
        atomic.write_bytes(self._failure(point), (json_text.dumps(facts) + "\n").encode())

    def forget_failure(self, point: str) -> None:
        """The point is tried again."""
        atomic.remove(self._failure(point))

    def _failure(self, point: str) -> Path:
        return self.path / "failed" / f"{point}.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep others out while the sweep runs; the lock dies with the process. UsageError where someone else has it."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            file = (self.path / LOCK).open("w")
        except OSError as error:
            reason = error.strerror or error
            raise UsageError(f"cannot write to {self.path}: {reason}; choose a folder you may write to with --out") from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise UsageError(f"another edgesim sweep is working in {self.path}; wait for it or stop it") from None
            (self.path / STOP).unlink(missing_ok=True)  # of a sweep that was killed while it stopped
            self._tidy()
            try:
                yield
            finally:
                with contextlib.suppress(OSError):  # the next sweep removes it
                    (self.path / STOP).unlink(missing_ok=True)
                self._tidy()

    def ask_to_stop(self) -> None:
        """Every point under way is to write a checkpoint and stop, and none is to begin."""
        (self.path / STOP).touch()

    def is_stopping(self) -> bool:
        """Whether that was asked."""
        return (self.path / STOP).exists()

    def is_locked(self) -> bool:
        """Whether a sweep works here now. Held for the moment of looking only, and shared."""
        if not (self.path / LOCK).is_file():
            return False
        with (self.path / LOCK).open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return True
        return False

    def attempt(self, point: str, run: Callable[[Path], Path]) -> None:
        """Run a point in a folder of its own, and move what it leaves to its place as a whole.

        run  takes the folder to work in, gives the run's folder inside it; goes on with what it finds there
        """
        work = self.attempts / point
        try:
            work.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot write to {self.attempts}: {error.strerror or error}") from error
        try:
            finished = run(work)
        except Busy:  # by a worker that outlives its sweep, and will have worked for nothing
            work = Path(tempfile.mkdtemp(prefix=f"{point}-", dir=self.attempts))
            finished = run(work)
        self._move(finished, point)
        shutil.rmtree(work, ignore_errors=True)

    @property
    def attempts(self) -> Path:
        """Where runs are while they are under way."""
        return self.path / "attempts"

    def _tidy(self) -> None:
        """Remove what no run can go on from, what a finished one has left, and files that a kill has torn."""
        for pattern in (*(f".{name}.*.tmp" for name in OWN), "failed/.*.tmp"):
            for torn in self.path.glob(pattern):
                atomic.remove(torn)
        works = [*self.attempts.iterdir()] if self.attempts.is_dir() else []
        for work in works:
            runs = [path.parent for path in work.glob("*/*/manifest.json")]
            if self.is_done(work.name) or not any(checkpoint.everything(run) or lock.is_held(run) for run in runs):
                shutil.rmtree(work, ignore_errors=True)
        with contextlib.suppress(OSError):  # it is not there, or not empty
            self.attempts.rmdir()

    def _move(self, finished: Path, point: str) -> None:
        there = self.run_folder(point)
        there.parent.mkdir(exist_ok=True)
        try:
            os.rename(finished, there)
        except OSError as error:
            if not self.is_done(point):  # done: by a worker that outlived its sweep, to the same result
                raise RunError(f"cannot move {finished} to {there}: {error.strerror or error}") from error
        atomic.to_disk(there.parent)


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read ({error}); remove {path.parent} to compute the point again") from None
    if not isinstance(content, dict):
        raise RunError(f"{path} holds no object; remove {path.parent} to compute the point again")
    return content
