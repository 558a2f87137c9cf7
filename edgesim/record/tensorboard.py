"""TensorBoard's event file: the curves of a run while it is made. Needs the extra [tensorboard]."""

import importlib.util
import io
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from edgesim.errors import RunError, UsageError
from edgesim.record import atomic
from edgesim.rows import Evaluation, Step

FILE = Path("tensorboard", "events.out.tfevents.0.edgesim")  # TensorBoard finds files by the word in the middle
STEPS_PER_WRITE = 100
SPENT = ("simulated_s", "spent_bits", "joules")  # of an evaluation


def check_installed() -> None:
    """Raises UsageError where the package is not there."""
    if importlib.util.find_spec("tensorboard") is None:
        raise UsageError('--tensorboard needs the package tensorboard: pip install "edgesim[tensorboard]"')


class Board:
    """Writes rows as scalars that TensorBoard draws; the file is a function of the rows, in the order they came.

    Over steps of all clients together: train/loss, train/gradient_norm and train/step_s of every step; test/accuracy, test/loss
    and spent/* of every look at the test set. Over bits spent: over_bits/accuracy and over_bits/loss. The time of an event is
    the simulated clock, so the axis RELATIVE of TensorBoard shows simulated time.

    steps, evaluations  rows that a run which is resumed has already
    """

    def __init__(self, folder: Path, steps: Iterable[Step] = (), evaluations: Iterable[Evaluation] = ()) -> None:
        from tensorboard.compat.proto import event_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._event: Any = event_pb2.Event
        self._buffer = io.BytesIO()
        self._records = RecordWriter(self._buffer)
        self._path = folder / FILE
        self._count = 0
        self._closed = False
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = atomic.opened(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        except OSError as error:
            raise self._unwritable(error) from error
        self._records.write(self._event(wall_time=0.0, file_version="brain.Event:2").SerializeToString())
        self._again(steps, list(evaluations))
        self.flush()

    def step(self, row: Step) -> None:
        """A training step."""
        self._count += 1
        told = {"loss": row.loss, "gradient_norm": row.gradient_norm, "step_s": row.end_s - row.start_s}
        self._write(row.end_s, self._count, {f"train/{name}": value for name, value in told.items()})
        if self._count % STEPS_PER_WRITE == 0:
            self.flush()

    def evaluation(self, row: Evaluation) -> None:
        """A look at the test set; it is in the file when this returns."""
        found = {"accuracy": row.accuracy, "loss": row.loss}
        spent = {f"spent/{name}": getattr(row, name) for name in SPENT}
        self._write(row.simulated_s, row.step, {f"test/{name}": value for name, value in found.items()} | spent)
        self._write(row.simulated_s, round(row.spent_bits), {f"over_bits/{name}": value for name, value in found.items()})
        self.flush()

    def flush(self) -> None:
        """Put everything taken until now into the file."""
        try:
            atomic.put(self._file, self._buffer.getvalue())
        except OSError as error:
            raise self._unwritable(error) from error
        self._buffer.seek(0)
        self._buffer.truncate()

    def close(self) -> None:
        """Write what is left. Done again, it does nothing."""
        if not self._closed:
            self._closed = True
            self.flush()
            os.close(self._file)

    def _again(self, steps: Iterable[Step], evaluations: list[Evaluation]) -> None:
        for row in steps:
            self.step(row)
            while evaluations and evaluations[0].step <= self._count:
                self.evaluation(evaluations.pop(0))

    def _write(self, seconds: float, step: int, scalars: dict[str, float]) -> None:
        event = self._event(wall_time=seconds, step=step)
        for tag, value in scalars.items():
            if not math.isnan(value):
                event.summary.value.add(tag=tag, simple_value=value)
        self._records.write(event.SerializeToString())

    def _unwritable(self, error: OSError) -> RunError:
        return RunError(f"cannot write {self._path}: {error.strerror or error}; free some space or choose another --out")
