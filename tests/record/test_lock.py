"""Two processes never write one run, and a dead one keeps nobody out."""

import errno
import fcntl
import json
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edgesim.errors import Busy
from edgesim.record import lock

HOLD = """
import sys
from pathlib import Path
from edgesim.record import lock
with lock.held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(folder: Path) -> "subprocess.Popen[str]":
    """Another process that has the lock."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    pipe = subprocess.PIPE
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    return other


def test_a_lock_is_there_while_it_is_held_and_leaves_nothing(tmp_path: Path) -> None:
    with lock.held(tmp_path):
        assert lock.is_held(tmp_path)
        owner = json.loads((tmp_path / lock.FILE).read_text())
        assert (owner["host"], owner["pid"]) == (platform.node(), os.getpid())
    assert not lock.is_held(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_second_process_is_kept_out_and_told_who_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "TRIES", 2)
    other = holder(tmp_path)
    with pytest.raises(Busy, match=f"is being written by process {other.pid} on ") as caught, lock.held(tmp_path):
        pass
    assert caught.value.exit_code == 2
    assert lock.is_held(tmp_path)
    other.communicate("")
    with lock.held(tmp_path):
        pass


def test_a_killed_owners_lock_is_taken_over(tmp_path: Path) -> None:
    other = holder(tmp_path)
    other.send_signal(signal.SIGKILL)
    other.communicate()
    assert (tmp_path / lock.FILE).is_file()
    assert not lock.is_held(tmp_path)
    with lock.held(tmp_path):
        assert json.loads((tmp_path / lock.FILE).read_text())["pid"] == os.getpid()


def test_whoever_only_looks_keeps_nobody_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / lock.FILE).touch()
    looking = os.open(tmp_path / lock.FILE, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    monkeypatch.setattr("edgesim.record.lock.time.sleep", lambda seconds: fcntl.flock(looking, fcntl.LOCK_UN))
    with lock.held(tmp_path):
        assert json.loads((tmp_path / lock.FILE).read_text())["pid"] == os.getpid()
        with pytest.raises(BlockingIOError):
            fcntl.flock(looking, fcntl.LOCK_SH | fcntl.LOCK_NB)
    os.close(looking)


def test_on_a_file_system_without_locks_the_owners_process_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(descriptor: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuses)
    path = tmp_path / lock.FILE
    mine = lock.Owner(platform.node(), os.getpid(), lock._started(os.getpid()))
    for owner, lives in [
        (mine, True),
        (mine._replace(started=1), False),  # another process got its number
        (mine._replace(pid=2**22 + 1), False),
        (mine._replace(host="elsewhere"), True),  # nobody here can know
    ]:
        path.write_text(json.dumps(owner._asdict()))
        assert lock.is_held(tmp_path) == lives
        if lives:
            with pytest.raises(Busy, match=f"process {owner.pid} on {owner.host}"), lock.held(tmp_path):
                pass
        else:
            with lock.held(tmp_path):
                assert lock.is_held(tmp_path)
