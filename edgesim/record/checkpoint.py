"""Where a run stands, whole: `checkpoints/step-<n>.checkpoint`, of which two are kept.

A file is eight bytes that say what it is and in which format, the SHA-256 of everything after it, and a block of
edgesim/record/packing.py with the state and the facts. One bit that differs, or one byte too few, and it is no checkpoint.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from edgesim.errors import RunError
from edgesim.record import atomic, packing

FOLDER = "checkpoints"
FORMAT = 1  # a change of what is in a checkpoint is a new number: older ones are refused, never misread
MAGIC = b"edgesim" + bytes([FORMAT])
DIGEST_BYTES = 32
KEPT = 2
MOST_BYTES = 1 << 36  # 64 GiB: what no run writes is not read


class Checkpoint(NamedTuple):
    """A moment of a run at which nothing was in flight.

    step   training steps done
    rows   that each table held, by name
    facts  what the run is: digest of its scenario, seed, versions and the like; JSON
    state  of everything alive
    """

    step: int
    rows: dict[str, int]
    facts: dict[str, Any]
    state: Any


class Damaged(RunError):  # noqa: N818  # what is wrong with the file
    """A file that is no checkpoint, or no longer the one that was written."""


def write(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint of the run in `folder`, whole, and then remove all but the latest two.

    Raises RunError when it cannot be written.
    """
    home = folder / FOLDER
    try:
        home.mkdir(exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot make the folder {home}: {error.strerror or error}") from error
    block = packing.pack(checkpoint._asdict())
    path = atomic.write(home / f"step-{checkpoint.step:010d}.checkpoint", MAGIC, hashlib.sha256(block).digest(), block)
    thin(folder)
    return path


def thin(folder: Path) -> None:
    """Remove all but the latest two checkpoints of the run in `folder`. Raises RunError where one cannot be removed."""
    for old in everything(folder)[KEPT:]:
        atomic.remove(old)


def everything(folder: Path) -> list[Path]:
    """The checkpoints of the run in `folder`, the latest first, whole or not."""
    return sorted((folder / FOLDER).glob("step-*.checkpoint"), key=step_of, reverse=True)


def size(folder: Path) -> int:
    """Of all checkpoints of the run in `folder` [bytes]."""
    return sum(path.stat().st_size for path in everything(folder))


def step_of(path: Path) -> int:
    """The step in a checkpoint's name."""
    digits = re.fullmatch(r"step-(\d{1,18})", path.stem)
    return int(digits[1]) if digits else -1


def moment(text: str) -> tuple[Path, int | None]:
    """The run and the step that RUN@STEP names, or RUN alone."""
    name, _, step = text.rpartition("@")
    return (Path(name), int(step)) if step.isdecimal() else (Path(text), None)


def read(path: Path) -> Checkpoint:
    """A checkpoint. Raises Damaged unless it is whole, to the last bit what was written, and of this format."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Damaged(f"{path} is too large for a checkpoint")
        content = path.read_bytes()
    except OSError as error:
        raise Damaged(f"{path} cannot be read: {error.strerror or error}") from error
    head = len(MAGIC) + DIGEST_BYTES
    if content[: len(MAGIC) - 1] == MAGIC[:-1] and len(content) > head and content[len(MAGIC) - 1] != FORMAT:
        raise Damaged(f"{path} is a checkpoint of format {content[len(MAGIC) - 1]}; this version reads format {FORMAT}")
    if content[: len(MAGIC)] != MAGIC or content[len(MAGIC) : head] != hashlib.sha256(content[head:]).digest():
        raise Damaged(f"{path} is torn or was altered")
    try:
        found = packing.unpack(content[head:])
        checkpoint = Checkpoint(**found)
    except (ValueError, TypeError) as error:
        raise Damaged(f"{path} is no checkpoint: {error}") from error
    rows, facts = found["rows"], found["facts"]
    if not (isinstance(rows, dict) and isinstance(facts, dict) and all(type(n) is int and n >= 0 for n in rows.values())):
        raise Damaged(f"{path} is no checkpoint: its rows or facts are none")
    if checkpoint.step != step_of(path):
        raise Damaged(f"{path} holds step {checkpoint.step}: it was renamed")
    return checkpoint


class Found(NamedTuple):
    """The latest checkpoint that can be used, None where there is none, and why later ones could not."""

    checkpoint: Checkpoint | None
    refused: list[str]


def latest(folder: Path, rows_there: Mapping[str, int]) -> Found:
    """The latest whole checkpoint of a run whose tables still hold all its rows.

    rows_there  that are on disk, by table
    """
    refused = []
    for path in everything(folder):
        try:
            checkpoint = read(path)
        except Damaged as error:
            refused.append(str(error))
            continue
        short = [name for name, rows in checkpoint.rows.items() if rows_there.get(name, 0) < rows]
        if not short:
            return Found(checkpoint, refused)
        refused.append(f"{path} counts rows of {', '.join(short)} that are not there any more")
    return Found(None, refused)
