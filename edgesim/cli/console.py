"""The two streams a command talks to: results go to stdout, everything said about them to stderr."""

import io
import os
import shutil
import sys
from typing import TextIO


def out(text: str) -> None:
    """A result, on stdout. Whoever reads it may have read enough: a closed pipe is no failure."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # so that the interpreter's last flush has somewhere to go; results on disk do not depend on a reader
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(text: str) -> None:
    """A remark, on stderr."""
    print(text, file=sys.stderr, flush=True)


def tolerate_narrow_encodings() -> None:
    """Show `?` instead of failing where the terminal's encoding lacks a character of a user's file or path."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def is_terminal(stream: TextIO) -> bool:
    """Whether a person looks at the stream through a terminal that can redraw a line."""
    return stream.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")


def width() -> int | None:
    """Columns of the terminal that results are read on; None where they go to a file or another program."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
