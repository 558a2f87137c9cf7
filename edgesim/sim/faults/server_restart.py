"""A server that is down for a while."""

from typing import Annotated

from edgesim.sim.faults.base import Fault
from edgesim.sim.faults.outage import regular
from edgesim.sim.windows import Windows


class ServerRestart(Fault):
    """The server is down in windows of time: links carry nothing, and what it computed is done again from its beginning.

    What it learned stays: a step is taken once, when the server begins with it, and its result is there when it ends. The time
    of both attempts is charged. While it is down it draws what it draws when idle.

    start_s  when the first window begins [s]
    length_s  of a window [s]
    every_s  from the beginning of one window to that of the next; left out, there is one [s]
    """

    def __init__(
        self,
        seed: int,
        *,
        start_s: Annotated[float, "[0, inf)"],
        length_s: Annotated[float, "(0, inf)"],
        every_s: Annotated[float, "(0, inf)"] | None = None,
    ) -> None:
        super().__init__(seed)
        self._windows = regular(start_s, length_s, every_s)

    def restarts(self) -> Windows | None:
        return self._windows
