"""What is shown of a failure nobody foresaw: one line, and where the rest is."""

import tempfile
import traceback
from pathlib import Path
from types import TracebackType

from edgesim.cli.console import say
from edgesim.errors import told

FILE = "crash.log"


class CrashReport:
    """Takes the place of the interpreter's report of an uncaught exception; the exit code stays 1.

    folder  the run that is under way, where the log goes; a temporary file without one
    """

    def __init__(self) -> None:
        self.folder: Path | None = None

    def __call__(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Write the traceback to a file and say what happened in one line (the signature of sys.excepthook)."""
        message = " ".join(told(error).split())  # some libraries' messages are paragraphs
        text = "".join(traceback.format_exception(kind, error, trace))
        try:
            where = f"the traceback is in {self._written(text)}"
        except OSError as refused:
            where = f"its traceback could not be written ({refused}):\n{text}"
        say(f"edgesim failed unexpectedly: {kind.__name__}: {message}; {where}")

    def _written(self, text: str) -> Path:
        if self.folder is not None and self.folder.is_dir():
            path = self.folder / FILE
            path.write_text(text, encoding="utf-8")
            return path
        with tempfile.NamedTemporaryFile("w", prefix="edgesim-", suffix=".log", delete=False, encoding="utf-8") as file:
            file.write(text)
        return Path(file.name)
