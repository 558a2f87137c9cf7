"""failure.json of a run that failed: why, and where."""

from typing import Any

from edgesim.errors import told
from edgesim.nonfinite import NotFiniteError
from edgesim.record import atomic
from edgesim.record.folder import FAILURE, RunFolder
from edgesim.sim.world import World


def write(folder: RunFolder, error: BaseException, world: World) -> None:
    """Say what ended a run, how far it had come, and where numbers that are not finite began. Raises RunError."""
    facts: dict[str, Any] = {
        "error": type(error).__name__,
        "message": " ".join(told(error).split()),
        "steps": world.steps,
        "rounds": world.rounds,
        "simulated_s": world.ledger.now,
    }
    if isinstance(error, NotFiniteError):
        facts["non_finite"] = error.report
    folder.write_json(FAILURE, facts)


def forget(folder: RunFolder) -> None:
    """A run that goes on has not failed. Raises RunError."""
    atomic.remove(folder.path / FAILURE)
