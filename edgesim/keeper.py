"""When a run's checkpoints are written."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgesim.record import checkpoint
from edgesim.record.checkpoint import Checkpoint
from edgesim.record.recorder import Recorder
from edgesim.session import Session

LARGEST_SHARE = 0.01  # of wall time that goes into checkpoints: one that takes longer than expected is written less often


class Keeper:
    """Writes checkpoints of a session between its units.

    facts        what the run is
    every_s      wall clock between two checkpoints [s]
    every_steps  training steps between two; either may be None
    wall_s       that the run had taken before this session [s]
    """

    def __init__(
        self,
        folder: Path,
        session: Session,
        recorder: Recorder,
        facts: Mapping[str, Any],
        *,
        every_s: float | None,
        every_steps: int | None,
        wall_s: float = 0.0,
    ) -> None:
        self._folder = folder
        self._session = session
        self._recorder = recorder
        self._facts = dict(facts)
        self._every_s = every_s
        self._every_steps = every_steps
        self._began = time.monotonic() - wall_s
        self.step: int | None = None  # of the latest checkpoint
        self._done = session.world.steps
        self._due = float("inf") if every_s is None else time.monotonic() + every_s
        session.between = self.look

    def look(self) -> None:
        """Write a checkpoint if it is time for one."""
        steps = self._session.world.steps - self._done
        if time.monotonic() >= self._due or (self._every_steps is not None and steps >= self._every_steps):
            self.write()

    def write(self) -> None:
        """Write one now. Raises RunError when it cannot be written."""
        began = time.monotonic()
        state = self._session.state()  # first: it may complete rows
        self._recorder.flush()
        step = self._session.world.steps
        facts = {**self._facts, "wall_s": began - self._began}
        checkpoint.write(self._folder, Checkpoint(step, self._recorder.state(), facts, state))
        self.step = self._done = step
        ended = time.monotonic()
        if self._every_s is not None:
            self._due = ended + max(self._every_s, (ended - began) / LARGEST_SHARE)
