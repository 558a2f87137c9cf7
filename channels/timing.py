"""How a fading gain changes with time: the knobs that every fading kind shares, and what follows from them (phy.md 3.1)."""

import math
from typing import Literal, NamedTuple

import numpy as np

from channels import units
from channels.blocks import CHUNK, Source
from channels.doppler import Clarke, GaussMarkov

Time = Literal["block", "clarke", "gauss_markov"]
COHERENCE = 0.423  # T_c f_D: the geometric mean of 1 and 9 / (16 pi) (Rappaport)
STEP = {"clarke": 0.01, "gauss_markov": 0.1}  # length of a block over 1/f_D, unless the user says otherwise


class Timing(NamedTuple):
    """How the gain changes: its memory, the length of a block [s] and the largest Doppler shift [Hz], None where unknown."""

    time: Time
    block_s: float
    doppler_hz: float | None

    def middles(self, number: int) -> np.ndarray:
        """The middle of every block of a chunk [s], [CHUNK]."""
        middles: np.ndarray = (number * CHUNK + np.arange(CHUNK) + 0.5) * self.block_s
        return middles

    def scatter(self) -> Source:
        """Complex gains CN(0, 1) with memory, [1, CHUNK] a chunk. Raises ValueError for blocks without memory."""
        if self.doppler_hz is None or self.time == "block":
            raise ValueError("independent blocks have no scatter process")
        if self.time == "gauss_markov":
            return GaussMarkov(self.doppler_hz, self.block_s).blocks
        return Clarke(self.doppler_hz).blocks(self.block_s)


def timing(
    time: Time,
    coherence_s: float | None,
    doppler_hz: float | None,
    speed_mps: float | None,
    carrier_hz: float,
) -> Timing:
    """The timing that these knobs ask for.

    `block` needs the length of a block, or the Doppler shift, from which it is 0.423/f_D; the others need the Doppler shift,
    and take their blocks as 0.01/f_D (Clarke's gain changes by 2 (1 - J0(0.01 pi)), 0.05 % of its power, from the middle of a
    block to its end) and 0.1/f_D (Gauss-Markov). The Doppler shift is `doppler_hz` or that of `speed_mps` at `carrier_hz`.

    Raises ValueError for values out of range, and for knobs that contradict each other or do not suffice.
    """
    if time not in ("block", "clarke", "gauss_markov"):
        raise ValueError(f"time must be 'block', 'clarke' or 'gauss_markov', got {time!r}")
    for name, value in {"doppler_hz": doppler_hz, "speed_mps": speed_mps, "carrier_hz": carrier_hz}.items():
        if value is not None and not 0.0 < value < math.inf:
            raise ValueError(f"{name} must be positive and finite, got {value}")
    if coherence_s is not None and not coherence_s > 0.0:
        raise ValueError(f"coherence_s must be positive, got {coherence_s}")
    if doppler_hz is not None and speed_mps is not None:
        raise ValueError(f"doppler_hz {doppler_hz} and speed_mps {speed_mps} both say how fast the gain changes: give one")
    shift = units.doppler_hz(speed_mps, carrier_hz) if speed_mps is not None else doppler_hz
    if time == "block":
        if shift is not None and coherence_s is None:
            return Timing(time, COHERENCE / shift, shift)
        if shift is None and coherence_s is not None:
            return Timing(time, coherence_s, None)
        raise ValueError("block fading needs coherence_s, or doppler_hz or speed_mps, from which it follows; give one")
    if shift is None:
        raise ValueError(f"time {time!r} needs doppler_hz or speed_mps")
    if coherence_s is not None and math.isinf(coherence_s):
        raise ValueError(f"coherence_s inf: a gain that never changes has no time {time!r}")
    return Timing(time, STEP[time] / shift if coherence_s is None else coherence_s, shift)
