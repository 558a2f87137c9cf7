"""Losses and measurements of steps, read from the accelerator many at a time."""

from collections.abc import Callable

import torch
from torch import Tensor

from edgesim.learn.trip import Trip
from edgesim.rows import Step

STEPS_AT_ONCE = 32  # on an accelerator of its own; a CPU has nothing to wait for


class Readings:
    """Completes the rows of steps with what was computed in them, in order.

    To read a number is to wait until the accelerator has done all that it was given: after every step, it would idle while the
    host prepares the next. So numbers stay where they are until there are enough of them, or somebody asks (`flush`).

    take     is called with every row when it is complete
    at_once  rows that are read together
    """

    def __init__(self, take: Callable[[Step], None], at_once: int = STEPS_AT_ONCE) -> None:
        self._take, self._at_once = take, at_once
        self._waiting: list[tuple[Step, list[str], Tensor]] = []

    def add(self, row: Step, loss: Tensor, trip: Trip | None) -> None:
        """A row, the loss of its step, and what was measured on the way, None where nothing was."""
        names, values = trip.measured(loss) if trip is not None else ([], loss.view(1))
        self._waiting.append((row, names, values))
        if len(self._waiting) >= self._at_once:
            self.flush()

    def flush(self) -> None:
        """Complete the rows that wait, all with one look at the accelerator."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        numbers = iter(torch.cat([values for _row, _names, values in waiting]).tolist())
        for row, names, _values in waiting:
            loss = next(numbers)
            self._take(row._replace(loss=loss, **{name: next(numbers) for name in names}))
