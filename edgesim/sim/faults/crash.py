"""Devices that fail and come back."""

from typing import Annotated

from edgesim import rng
from edgesim.sim.faults.base import Fault
from edgesim.sim.faults.traces import read_windows
from edgesim.sim.windows import Listed, Random, Windows


class Crash(Fault):
    """Devices are down in windows of time; whatever they were doing is cut short and charged for its part.

    A device that is down draws nothing and is chosen for nothing; afterwards it takes part again, with the model as it has it.
    Windows are random, exponential times up and down in turn for each device, so that in the long run a share
    mean_up / (mean_up + mean_down) of them is up; or they come from a file.

    mean_up_s    mean time between two failures [s]
    mean_down_s  mean time until it is back [s]
    trace_file   a CSV file with the columns client,from_s,to_s of the windows in which a client is down; a client that it
                 does not name never is
    """

    def __init__(
        self,
        seed: int,
        *,
        mean_up_s: Annotated[float, "(0, inf)"] | None = None,
        mean_down_s: Annotated[float, "(0, inf)"] | None = None,
        trace_file: str | None = None,
    ) -> None:
        super().__init__(seed)
        if (mean_up_s is None) != (mean_down_s is None) or (mean_up_s is None) == (trace_file is None):
            raise ValueError("give mean_up_s and mean_down_s for random failures, or trace_file")
        self._means = (mean_up_s, mean_down_s)
        self._listed = read_windows(trace_file) if trace_file is not None else {}

    def absences(self, client: int) -> Windows | None:
        up_s, down_s = self._means
        if up_s is not None and down_s is not None:
            return Random(rng.seed(self.seed, client), up_s, down_s)
        return Listed(self._listed[client]) if client in self._listed else None
