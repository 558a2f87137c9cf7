"""Files that are there whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgesim.errors import RunError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well, and is removed when it does not.

    The bytes are on the disk before the name changes, and the name before the block is left: after a power cut `path` holds
    the old content or the new, never half of one.

    Raises RunError when the file cannot be written (disk full, folder gone).
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        to_disk(temporary)
        os.replace(temporary, path)
        to_disk(path.parent)
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror or error}; free some space or choose another --out") from error
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> Path:
    """Write a whole file; the folder it lies in is made if need be."""
    with replacing(_with_folder(path)) as temporary:
        temporary.write_bytes(content)
    return path


def is_temporary(path: Path) -> bool:
    """Whether a path is a leftover of a write that was cut short."""
    return path.name.startswith(".") and path.name.endswith(".tmp")


def _with_folder(path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot make the folder {path.parent}: {error.strerror or error}") from error
    return path


def to_disk(path: Path) -> None:
    """Force a file, or the names in a folder, to the disk."""
    if os.name == "nt" and path.is_dir():  # Windows opens no folders; its file systems keep renames in order by themselves
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
