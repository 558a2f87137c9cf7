"""The folder one run leaves behind."""

import hashlib
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from edgesim.errors import UsageError
from edgesim.record import atomic, json_text, lock, origin

Status = Literal["running", "done", "interrupted", "failed"]
MANIFEST = "manifest.json"
FAILURE = "failure.json"  # of a run that failed
WEIGHTS = "weights.safetensors"
SCHEMA_VERSION = 1
LONGEST_NAME = 80  # characters; file systems end at 255 bytes


class RunFolder:
    """`<out>/<scenario>/<UTC time>-<hash8>-s<seed>/`; every file in it is written whole or not at all.

    path  the folder
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._began = time.monotonic()
        self._started = _now()
        self._first: dict[str, Any] | None = None  # what is looked up once, when the run begins
        self._resumed: list[dict[str, Any]] = []

    @classmethod
    def create(cls, out: Path, scenario_name: str, hash8: str, seed: int) -> "RunFolder":
        """Make a new, empty folder; two runs within one second get different ones.

        Raises UsageError when it cannot be made.
        """
        parent = out / folder_name(scenario_name)
        stem = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{hash8}-s{seed}"
        try:
            parent.mkdir(parents=True, exist_ok=True)
            return cls(_unused(parent, stem))
        except OSError as error:
            raise _unwritable(out, error) from error

    @classmethod
    def reopen(cls, path: Path, manifest: Mapping[str, Any]) -> "RunFolder":
        """The folder of an unfinished run, to go on with it."""
        folder = cls(path)
        folder._started = str(manifest.get("started"))
        folder._resumed = [*manifest.get("resumed", [])]
        return folder

    def resume(self, step: int, wall_s: float) -> None:
        """The run goes on here from `step`, for which it had taken `wall_s` seconds; the manifest will say so."""
        self._resumed.append({"step": step, "at": _now()})
        self._began -= wall_s

    def write_text(self, name: str, text: str) -> Path:
        """Write the file `name` (may lie in a sub-folder) as UTF-8."""
        return self.write_bytes(name, text.encode())

    def write_bytes(self, name: str, content: bytes) -> Path:
        """Write the file `name` (may lie in a sub-folder)."""
        path = self._inside(name)
        if path.parent == self.path:
            return atomic.write(path, content)
        return atomic.write_bytes(path, content)

    def write_json(self, name: str, content: Any) -> Path:
        """Write plain data as valid JSON (json_text says what becomes of NaN and infinity)."""
        return self.write_text(name, json_text.dumps(content) + "\n")

    def seal(
        self,
        status: Status,
        *,
        command: Sequence[str],
        overrides: Sequence[str],
        config_hash: str,
        seed: int,
        accelerator: str,
        threads: int,
        deterministic: bool,
        timing_only: bool = False,
        trace: bool = False,
        parent: Mapping[str, Any] | None = None,
        without: str | None = None,
    ) -> None:
        """Write manifest.json: how the run was made and how it stands. Call it when the run begins and when it ends.

        command        what the user typed; empty when called from Python
        overrides      the `key=value` changes to the scenario file
        config_hash    of the resolved scenario
        accelerator    the host's torch device, cpu or cuda; threads: torch's
        deterministic  whether torch may use deterministic algorithms only
        timing_only    whether nothing is trained
        trace          whether the book is kept
        parent         the moment of another run that this one was forked from
        without        a folder in it that is about to be removed
        """
        self._first = self._first or {"versions": origin.versions(), "git": origin.git_state(Path.cwd())}  # as the run began
        ended = status != "running"
        manifest = {
            "schema_version": SCHEMA_VERSION,
            "status": status,
            "command": list(command),
            "overrides": list(overrides),
            "timing_only": timing_only,
            "trace": trace,
            "parent": parent,
            "resumed": self._resumed,
            "hash": config_hash,
            "seed": seed,
            "determinism": _determinism(deterministic, timing_only),
            "host": {**origin.host(), "accelerator": accelerator, "threads": threads},
            **self._first,
            "started": self._started,
            "ended": _now() if ended else None,
            "wall_s": round(time.monotonic() - self._began, 3) if ended else None,
            "files": _digests(self.path, without) if ended else [],
        }
        self.write_json(MANIFEST, {**manifest, "sha256": digest_of(manifest)})

    def _inside(self, name: str) -> Path:
        path = self.path / name
        if not path.resolve().is_relative_to(self.path.resolve()) or path == self.path:
            raise ValueError(f"name = {name!r} must be a file inside the run folder {self.path}")
        return path


def digest_of(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of everything else in a manifest, which vouches for the other files: one that was altered does not match."""
    kept = {key: value for key, value in manifest.items() if key != "sha256"}
    return hashlib.sha256(json_text.dumps(kept).encode()).hexdigest()


def check_writable(out: Path) -> None:
    """Raise UsageError if nothing can be written under `out`; leaves nothing, not even the folder."""
    try:
        nearest = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise _unwritable(out, error) from error


def _unwritable(out: Path, error: OSError) -> UsageError:
    reason = error.strerror or error
    return UsageError(f"cannot write results to {out}: {reason}; choose a folder you may write to with --out")


def folder_name(scenario: str) -> str:
    """The scenario's name as one harmless folder name: anything but letters, digits, `_ + . -` becomes `_`.

    Raises UsageError when nothing usable is left.
    """
    name = re.sub(r"[^\w+.-]+", "_", scenario).lstrip(".")[:LONGEST_NAME]
    if not re.search(r"[^\W_]", name):
        raise UsageError(f"the scenario's name {scenario!r} cannot name a folder; give it a `name:` with letters or digits")
    return name


def _unused(parent: Path, stem: str) -> Path:
    number = 1
    while True:
        path = parent / (stem if number == 1 else f"{stem}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            if number > 999:  # a parent in which every name exists is not a folder we understand
                raise
            number += 1
        else:
            return path


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _determinism(deterministic: bool, timing_only: bool) -> dict[str, str]:
    """What is promised of another run of the same scenario and seed (docs/determinism.md)."""
    if timing_only:
        return {
            "promise": "byte-identical tables",
            "where": "the same versions",
            "whatever": "process, hash seed, thread count, accelerator, resumptions: nothing was trained",
        }
    if deterministic:
        return {
            "promise": "byte-identical tables",
            "where": "the same versions, machine, accelerator and thread count",
            "whatever": "process, hash seed, jobs beside it, resumptions",
        }
    return {
        "promise": "none of losses and accuracies: nondeterministic torch algorithms were allowed",
        "where": "",
        "whatever": "",
    }


def _digests(folder: Path, without: str | None) -> list[dict[str, Any]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not atomic.is_temporary(path))
    return [
        {"name": path.relative_to(folder).as_posix(), "bytes": path.stat().st_size, "sha256": sha256_of(path)}
        for path in files
        if path not in (folder / MANIFEST, folder / lock.FILE) and (without is None or folder / without not in path.parents)
    ]


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
