"""Hears of every file that is written, every process that is begun and every look at the network, by the interpreter's own
audit events, and says which of them lie outside a folder."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHANGING = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.utime"}
REACHING = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "socket.connect", "socket.getaddrinfo"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_listening: list[tuple[Path, list[str]]] = []  # a hook can never be removed: it hears only while somebody listens


def _hear(event: str, given: tuple[Any, ...]) -> None:
    if not _listening:
        return
    folder, found = _listening[-1]
    if event in REACHING and given[0] != "git":  # which a manifest asks for the state of the sources
        found.append(f"{event} {given[0]!r}")
    elif event in CHANGING or (event == "open" and isinstance(given[2], int) and given[2] & WRITING):
        for path in given[: 2 if event in ("os.rename", "os.link", "os.symlink") else 1]:
            if isinstance(path, str | bytes | os.PathLike) and not _lies_in(folder, path):
                found.append(f"{event} {path!r}")


def _lies_in(folder: Path, path: Any) -> bool:
    place = os.path.abspath(os.fsdecode(path))
    return place in (os.devnull, str(folder)) or place.startswith(f"{folder}{os.sep}")


sys.addaudithook(_hear)


@contextmanager
def nothing_outside(folder: Path) -> Iterator[None]:
    """Fail where something is written outside `folder`, a process begun or the network asked."""
    found: list[str] = []
    compiled, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    _listening.append((folder.resolve(), found))
    try:
        yield
    finally:
        _listening.pop()
        sys.dont_write_bytecode = compiled
    assert not found, found
