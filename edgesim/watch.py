"""How a run tells whoever is looking what it is doing."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol


class Progress(NamedTuple):
    """Where a run stands.

    step             training steps done, all clients together
    budget_fraction  share of the tightest limit that is spent, 0 to 1
    simulated_s      simulated clock [s]
    joules           energy of all devices until now [J]
    accuracy         test accuracy of the latest evaluation, 0 to 1; None before the first
    loss             training loss of the latest step; None when timing only
    wall_s           wall clock since the run began [s]
    epoch            passes over the training data, fractional
    """

    step: int
    budget_fraction: float
    simulated_s: float
    joules: float
    accuracy: float | None
    loss: float | None
    wall_s: float
    epoch: float


class Watch(Protocol):
    """Someone who looks at a run; a run without one is silent."""

    def begin(self, header: Mapping[str, str]) -> None:
        """The run begins. header: what it is, as label and text, in the order to be shown."""

    def progress(self, progress: Progress) -> None:
        """A step was done. Called often: a watch decides itself what it shows."""

    def note(self, text: str) -> None:
        """Something worth knowing at once, such as that the run will stop after the step or round under way."""

    def end(self, run_summary: Mapping[str, Any]) -> None:
        """The run is over, however it ended. run_summary: what summary.json holds; empty if it failed."""
