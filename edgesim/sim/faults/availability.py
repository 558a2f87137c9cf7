"""Devices that come and go."""

from edgesim.sim.faults.base import Fault
from edgesim.sim.faults.traces import read_windows
from edgesim.sim.windows import Listed, Windows


class Availability(Fault):
    """Devices are there in given windows of time only; one that goes is cut short like one that fails.

    trace_file  a CSV file with the columns client,from_s,to_s of the windows in which a client is there; a client that it does
                not name never is
    """

    def __init__(self, seed: int, *, trace_file: str) -> None:
        super().__init__(seed)
        self._listed = read_windows(trace_file)

    def absences(self, client: int) -> Windows | None:
        return Listed(self._listed.get(client, [])).rest()
