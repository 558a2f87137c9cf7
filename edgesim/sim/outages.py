"""A link's channel with windows in which it carries nothing."""

from typing import TYPE_CHECKING

import numpy as np

from edgesim.errors import RunError
from edgesim.sim.track import Fading
from edgesim.sim.windows import Windows

if TYPE_CHECKING:
    from channels.base import Draws


MOST_TOGETHER = 1000  # windows, or pieces of one (edgesim/sim/windows.py), without a gap: there will never be one


class Interrupted:
    """A channel whose SNR is 0 in windows of time; its blocks end at their edges too. Pure like the channel itself.

    fading   the channel, or the channel by subcarrier
    windows  in which it carries nothing
    """

    __slots__ = ("_fading", "_windows")

    def __init__(self, fading: Fading, windows: Windows) -> None:
        self._fading, self._windows = fading, windows

    def __call__(self, start_s: float, blocks: int) -> "Draws":
        """The next `blocks` blocks from `start_s` [s] on; a channel that never changes gives fewer if no window is left."""
        draws = self._fading(start_s, blocks)
        ends = start_s + np.cumsum(draws.seconds)
        edges: list[float] = []  # of windows, after the start and before the end
        now, together = start_s, 0
        while len(edges) < blocks + 1:
            begin, end = self._windows.at(now)
            together = together + 1 if begin <= now else 0
            if together > MOST_TOGETHER:
                raise RunError(f"outages leave a link no gap from {start_s:.6g} s until {end:.6g} s: let one of them be rarer")
            edges += [edge for edge in (begin, end) if start_s < edge < ends[-1]]
            if end >= ends[-1]:
                break
            now = end
        if not edges and not self._windows.at(start_s).begin <= start_s:
            return draws
        cuts = np.unique(np.concatenate([ends, edges]))[:blocks]
        begins = np.concatenate([[start_s], cuts[:-1]])
        block = np.searchsorted(ends, begins, side="right")
        dead = np.array([self._windows.at(begin).begin <= begin for begin in begins.tolist()])
        snr = draws.snr[block].copy()
        snr[dead] = 0.0
        return draws._replace(gain=draws.gain[block], snr=snr, seconds=cuts - begins)
