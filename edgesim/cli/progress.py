"""How a run's progress is shown: a bar on a terminal, plain lines anywhere else, nothing when quiet."""

import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from edgesim.cli.console import is_terminal
from edgesim.cli.render import columns, quantity
from edgesim.watch import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

LINE_EVERY_S = 5.0  # wall clock


class Watcher:
    """Watches silently; remembers where the results go. Leave its `with` block and whatever it shows is tidied up.

    folder  the run folder, once the run has begun
    """

    def __init__(self) -> None:
        self.folder: Path | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def begin(self, header: Mapping[str, str]) -> None:
        """The run begins."""
        if "results" in header:
            self.folder = Path(header["results"])

    def progress(self, progress: Progress) -> None:
        """A step was done."""

    def note(self, text: str) -> None:
        """Something worth knowing at once."""

    def end(self, run_summary: Mapping[str, Any]) -> None:
        """The run is over."""
        self.close()

    def close(self) -> None:
        """Show nothing further; may be called twice."""


class Lines(Watcher):
    """One plain line every few seconds and after each evaluation; no control characters."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._due_s = LINE_EVERY_S
        self._accuracy: float | None = None
        self._last: Progress | None = None
        self._shown: Progress | None = None

    def begin(self, header: Mapping[str, str]) -> None:
        super().begin(header)
        self._write("\n".join(columns(header.items())))

    def progress(self, progress: Progress) -> None:
        self._last = progress
        if progress.wall_s >= self._due_s or progress.accuracy != self._accuracy:
            self._show(progress)

    def note(self, text: str) -> None:
        self._write(text)

    def close(self) -> None:
        if self._last is not None and not self._is_shown(self._last):
            self._show(self._last)

    def _is_shown(self, progress: Progress) -> bool:
        return self._shown is not None and (self._shown.step, self._shown.accuracy) == (progress.step, progress.accuracy)

    def _show(self, progress: Progress) -> None:
        self._shown = progress
        self._due_s = progress.wall_s + LINE_EVERY_S
        self._accuracy = progress.accuracy
        facts = [f"step {progress.step}", f"budget {100 * progress.budget_fraction:.1f} %", *_facts(progress)]
        self._write("  ".join([*facts, f"wall {quantity(progress.wall_s, 's')}"]))

    def _write(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()


class Bar(Watcher):
    """A bar of the budget spent, redrawn in place, with the state of the run beside it."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._bar: RichProgress | None = None

    def begin(self, header: Mapping[str, str]) -> None:
        super().begin(header)
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        console = Console(file=self._stream)
        console.print("\n".join(columns(header.items())), markup=False, highlight=False, soft_wrap=True)
        state = TextColumn("{task.description}", markup=False)
        # no thread of its own: it is redrawn when the run reports, and takes no time from the training in between
        parts = (BarColumn(20), TaskProgressColumn(), state, TimeRemainingColumn())
        self._bar = RichProgress(*parts, console=console, auto_refresh=False)
        self._bar.add_task("step 0", total=1.0)
        self._bar.start()

    def progress(self, progress: Progress) -> None:
        if self._bar is None:
            return
        facts = "  ".join([f"step {progress.step}", *_facts(progress)])
        self._bar.update(self._bar.task_ids[0], completed=progress.budget_fraction, description=facts, refresh=True)

    def note(self, text: str) -> None:
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def watcher(*, quiet: bool = False, stream: TextIO | None = None) -> Watcher:
    """Whoever fits the stream (stderr unless given)."""
    target = sys.stderr if stream is None else stream
    if quiet:
        return Watcher()
    return Bar(target) if is_terminal(target) else Lines(target)


def _facts(progress: Progress) -> list[str]:
    """Simulated clock, accuracy or else the loss, energy."""
    facts = [f"simulated {quantity(progress.simulated_s, 's')}"]
    if progress.accuracy is not None:
        facts.append(f"accuracy {progress.accuracy:.4f}")
    if progress.loss is not None:
        facts.append(f"loss {progress.loss:.3f}")
    return [*facts, f"energy {quantity(progress.joules, 'J')}"]
