"""What can go wrong, and the exit code each failure carries (contract: exit codes)."""

from typing import ClassVar


class EdgesimError(Exception):
    """A failure a user can act on; the message says what, where and how to fix it."""

    exit_code: ClassVar[int] = 1


def told(error: BaseException) -> str:
    """What an exception says, and what was noted on its way."""
    notes: list[str] = error.__dict__.get("__notes__", [])
    return "; ".join([str(error), *notes])


class RunError(EdgesimError):
    """The run failed after it had begun."""


class UsageError(EdgesimError):
    """The command was used wrongly, or a path given to it cannot be used."""

    exit_code = 2


class Busy(UsageError):
    """Another process writes the run that is asked for."""


class ScenarioError(EdgesimError):
    """A scenario is invalid. `problems` holds every problem of the file, one line each."""

    exit_code = 3

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class NotFoundError(EdgesimError):
    """A data set or weights are not where the scenario says."""

    exit_code = 5


class RunInterrupted(EdgesimError):
    """The user stopped the run; what it had recorded until then is on disk, and `--resume` goes on from there."""

    exit_code = 75


class SweepInterrupted(RunInterrupted):
    """The user stopped a sweep; its finished points are kept, and the same command goes on."""


class PointsFailed(EdgesimError):
    """A sweep came to its end, and some of its points failed."""

    exit_code = 4
