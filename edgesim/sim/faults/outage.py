"""Links that carry nothing for a while."""

from typing import Annotated, Literal

from edgesim import rng
from edgesim.sim.faults.base import Fault
from edgesim.sim.windows import Random, Regular, Windows


class Outage(Fault):
    """Links carry nothing in windows of time: their SNR is 0 there, and transports do what they do in a deep fade.

    A rate that follows the channel goes on after the window, the sender on air all the time; packets of a fixed rate are lost
    and sent again; analog values are gone. Windows are fixed (`start_s`, `length_s`, `every_s`), at the same time for all; or
    random, exponential times up and down in turn for each client.

    direction    `up`, `down`, or `both` at the same time
    start_s      when the first window begins [s]
    length_s     of a window [s]
    every_s      from the beginning of one window to that of the next; left out, there is one [s]
    mean_up_s    of random windows: mean time between two [s]
    mean_down_s  of random windows: their mean length [s]
    """

    def __init__(
        self,
        seed: int,
        *,
        direction: Literal["up", "down", "both"] = "both",
        start_s: Annotated[float, "[0, inf)"] | None = None,
        length_s: Annotated[float, "(0, inf)"] | None = None,
        every_s: Annotated[float, "(0, inf)"] | None = None,
        mean_up_s: Annotated[float, "(0, inf)"] | None = None,
        mean_down_s: Annotated[float, "(0, inf)"] | None = None,
    ) -> None:
        super().__init__(seed)
        self._direction = direction
        self._means = (mean_up_s, mean_down_s)
        self._fixed = regular(start_s, length_s, every_s) if length_s is not None else None
        random = mean_up_s is not None and mean_down_s is not None
        if random == (self._fixed is not None) or (mean_up_s is None) != (mean_down_s is None):
            raise ValueError(
                "give length_s (and start_s, every_s) for fixed windows, or mean_up_s and mean_down_s for random ones"
            )
        if self._fixed is None and (start_s, every_s) != (None, None):
            raise ValueError("start_s and every_s belong to fixed windows: give length_s, or leave them out")

    def outages(self, client: int, direction: str) -> Windows | None:
        if self._direction not in (direction, "both"):
            return None
        up_s, down_s = self._means
        if up_s is None or down_s is None:
            return self._fixed
        return Random(rng.seed(self.seed, client), up_s, down_s)


def regular(start_s: float | None, length_s: float, every_s: float | None) -> Regular:
    """Fixed windows, from 0 on where no start is given. Raises ValueError where they overlap."""
    if not length_s > 0.0 or (every_s is not None and every_s <= length_s):
        raise ValueError(f"need 0 < length_s < every_s, got {length_s} and {every_s}")
    return Regular(start_s or 0.0, length_s, every_s)
