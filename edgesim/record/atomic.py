"""Files that are there whole or not at all. What a run writes passes through the few calls at the top of this file."""

import contextlib
import errno
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from edgesim.errors import RunError

Bytes = bytes | bytearray | memoryview
BUFFER_BYTES = 1 << 20  # a Parquet file is written in many small pieces

# The system as a run sees it: a test puts a failing disk in their place.
_open, _write, _sync, _rename, _unlink = os.open, os.write, os.fsync, os.replace, os.unlink


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
        _rename(temporary, path)
        to_disk(path.parent)
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror or error}; free some space or choose another --out") from error
    finally:
        with contextlib.suppress(OSError):  # of a disk that fails, the first failure is the one to hear of
            temporary.unlink(missing_ok=True)


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """An open file that takes the place of `path` when the block ends well; see `replacing`. No part of a write is lost."""
    with replacing(path) as temporary:
        descriptor = opened(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        with io.BufferedWriter(_File(descriptor), BUFFER_BYTES) as file:  # type: ignore[type-var]  # a raw file it is
            yield file


class _File(io.RawIOBase):
    """A descriptor as a file whose writes are complete or raise; closing it closes the descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def writable(self) -> bool:
        return True

    def write(self, content: Bytes) -> int:  # type: ignore[override]  # what a buffer gives
        return put(self._descriptor, content)

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
        super().close()


def opened(path: Path, flags: int) -> int:
    """The descriptor of a file that no child inherits."""
    return _open(path, flags | os.O_CLOEXEC, 0o666)


def put(descriptor: int, content: Bytes) -> int:
    """Write all of it, however little the system takes at a time. Gives its length [bytes]."""
    view = memoryview(content).cast("B")
    done = 0
    while done < len(view):
        taken = _write(descriptor, view[done:])
        if not taken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        done += taken
    return done


def write(path: Path, *content: Bytes) -> Path:
    """Write a whole file, piece after piece, in a folder that is there: one that has vanished is not made anew."""
    with whole(path) as file:
        for piece in content:
            file.write(piece)
    return path


def write_bytes(path: Path, content: bytes) -> Path:
    """Write a whole file; the folder it lies in is made if need be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot make the folder {path.parent}: {error.strerror or error}") from error
    return write(path, content)


def is_temporary(path: Path) -> bool:
    """Whether a path is a leftover of a write that was cut short."""
    return path.name.startswith(".") and path.name.endswith(".tmp")


def remove(path: Path) -> None:
    """Remove a file, if it is there. Raises RunError when it cannot be removed."""
    try:
        _unlink(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise RunError(f"cannot remove {path}: {error.strerror or error}") from error


def to_disk(path: Path) -> None:
    """Force a file, or the names in a folder, to the disk."""
    if os.name == "nt" and path.is_dir():  # Windows opens no folders; its file systems keep renames in order by themselves
        return
    descriptor = opened(path, os.O_RDONLY)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)
