"""Losses and measurements of steps, read from the accelerator many at a time."""

from collections.abc import Callable

import torch
from torch import Tensor

from edgesim.learn.finite import Findings
from edgesim.learn.trip import Insight, Trip
from edgesim.rows import Step

STEPS_AT_ONCE = 32  # on an accelerator of its own; a CPU has nothing to wait for


class Readings:
    """Completes the rows of steps with what was computed in them, in order.

    To read a number is to wait until the accelerator has done all that it was given: after every step, it would idle while the
    host prepares the next. So numbers stay where they are until there are enough of them, or somebody asks (`flush`).

    take     is called with every row when it is complete, and the largest magnitude at each place of the step
    at_once  rows that are read together
    """

    def __init__(self, take: Callable[[Step, dict[str, float]], None], at_once: int = STEPS_AT_ONCE) -> None:
        self._take, self._at_once = take, at_once
        self._waiting: list[tuple[Step, list[str], Tensor]] = []

    def add(self, row: Step, loss: Tensor, seen: Trip | Findings) -> None:
        """A row, the loss of its step, and what was measured on the way."""
        self._waiting.append((row, *seen.measured(loss)))
        if len(self._waiting) >= self._at_once:
            self.flush()

    def flush(self) -> None:
        """Complete the rows that wait, all with one look at the accelerator."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        values = [values for _row, _names, values in waiting]
        numbers = iter((torch.cat(values) if len(values) > 1 else values[0]).tolist())
        for row, names, _values in waiting:
            loss = next(numbers)
            found = {name: next(numbers) for name in names}
            insight = {name: found.pop(name) for name in names if name in Insight._fields}
            self._take(row._replace(loss=loss, **insight), found)
