"""Who writes a run: two processes never do.

The lock is the kernel's on `.lock` in the run's folder, so that it ends with the process that holds it, however that ends; what
stands in the file is for people, and for file systems without locks: there the owner's process is looked for.
"""

import contextlib
import errno
import fcntl
import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from edgesim.errors import Busy, RunError
from edgesim.record import atomic

FILE = ".lock"
TRIES, PAUSE_S = 20, 0.05  # whoever only looks holds the lock for a moment
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)  # what a file system without them says


class Owner(NamedTuple):
    """A process. started: when, in the kernel's own count since the machine started; None where the kernel does not say."""

    host: str
    pid: int
    started: int | None

    @property
    def lives(self) -> bool:
        """Whether it is there; of another machine nobody knows, and it is taken to be."""
        if self.host != platform.node():
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # somebody else's
        return self.started is None or self.started == _started(self.pid)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Be the only one that writes the run in `folder`. A dead owner's lock is taken over.

    Raises Busy where somebody writes it, RunError where the lock cannot be written.
    """
    path = folder / FILE
    try:
        descriptor = _taken(path)
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror or error}") from error
    try:
        _sign(path, descriptor)
        yield
    finally:
        with contextlib.suppress(OSError):  # a folder that has vanished took its lock along
            path.unlink(missing_ok=True)
        os.close(descriptor)


def is_held(folder: Path) -> bool:
    """Whether a living process writes the run in `folder` now."""
    path = folder / FILE
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        owner = _owner(path)
        return error.errno not in NO_LOCKS or (owner is not None and owner.lives)
    finally:
        os.close(descriptor)
    return False


def _taken(path: Path) -> int:
    """A descriptor that holds the lock."""
    for _ in range(TRIES):
        descriptor = atomic.opened(path, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is(path, descriptor):  # and not one whose last owner has just removed it
                return descriptor
        except OSError as error:
            owner = _owner(path)
            if error.errno in NO_LOCKS and (owner is None or not owner.lives):
                return descriptor
            if error.errno in NO_LOCKS:
                os.close(descriptor)
                break
        os.close(descriptor)
        time.sleep(PAUSE_S)
    who = _owner(path) or "another process"
    raise Busy(f"{path.parent} is being written by {who}: wait for it or stop it (where it is long gone, remove {path})")


def _is(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _sign(path: Path, descriptor: int) -> None:
    owner = Owner(platform.node(), os.getpid(), _started(os.getpid()))
    try:
        os.ftruncate(descriptor, 0)
        atomic.put(descriptor, json.dumps(owner._asdict()).encode())
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror or error}; free some space or choose another --out") from error


def _owner(path: Path) -> Owner | None:
    """Whoever signed the lock; None where nobody did, or not legibly."""
    try:
        found = json.loads(path.read_bytes())
        return Owner(str(found["host"]), int(found["pid"]), found["started"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _started(pid: int) -> int | None:
    """When a process began [clock ticks since the machine started]; None where the kernel does not tell."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None
