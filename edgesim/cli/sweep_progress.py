"""How a sweep's progress is shown: one line a point, and on a terminal a bar over all points below."""

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from edgesim.cli.console import is_terminal
from edgesim.cli.render import columns, quantity

if TYPE_CHECKING:
    from rich.progress import Progress

    from edgesim.sweep.job import Outcome
    from edgesim.sweep.points import Point


class SweepWatcher:
    """Says nothing. Leave its `with` block and whatever it shows is tidied up."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def begin(self, header: Mapping[str, str], total: int) -> None:
        """The sweep begins; `total` points are to be computed."""

    def outcome(self, point: "Point", outcome: "Outcome") -> None:
        """A point has ended."""

    def note(self, text: str) -> None:
        """Something worth knowing at once."""

    def close(self) -> None:
        """Show nothing further; may be called twice."""


class SweepLines(SweepWatcher):
    """One plain line a point: how many are done, which one it was, how long the rest may take."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._total = self._ended = 0
        self._began = 0.0

    def begin(self, header: Mapping[str, str], total: int) -> None:
        self._total, self._began = total, time.monotonic()
        self._write("\n".join(columns(header.items())))

    def outcome(self, point: "Point", outcome: "Outcome") -> None:
        self._ended += 1
        spent = time.monotonic() - self._began
        left = spent / self._ended * (self._total - self._ended)
        clock = f"wall {quantity(spent, 's')}" + (f", about {quantity(left, 's')} left" if left else "")
        said = f"  {outcome.message}".partition("\n")[0].rstrip()
        self._write(f"{self._ended}/{self._total}  {outcome.status}  {point.words()}{said}  ({clock})")

    def note(self, text: str) -> None:
        self._write(text)

    def _write(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()


class SweepBar(SweepLines):
    """The same lines above a bar that is redrawn in place."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._bar: Progress | None = None

    def begin(self, header: Mapping[str, str], total: int) -> None:
        from rich.console import Console
        from rich.progress import Progress

        super().begin(header, total)
        self._bar = Progress(console=Console(file=self._stream), auto_refresh=False)
        self._bar.add_task("points", total=total)
        self._bar.start()

    def outcome(self, point: "Point", outcome: "Outcome") -> None:
        super().outcome(point, outcome)
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._ended, refresh=True)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _write(self, text: str) -> None:
        if self._bar is None:
            super()._write(text)
        else:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)


def watcher(*, quiet: bool = False, stream: TextIO | None = None) -> SweepWatcher:
    """Whoever fits the stream (stderr unless given)."""
    target = sys.stderr if stream is None else stream
    if quiet:
        return SweepWatcher()
    return SweepBar(target) if is_terminal(target) else SweepLines(target)
