"""What a channel was during one transfer, block by block."""

from typing import Literal, NamedTuple

import numpy as np

Equaliser = Literal["zf", "mmse"]
ROUNDING = 1e-9  # relative: sums over millions of blocks differ by as much with the order of addition


class Draws(NamedTuple):
    """One realisation, per coherence block of one transfer.

    gain     [blocks] |h|^2, mean 1 over the fading
    snr      [blocks] linear SNR, gain included; inf without noise
    seconds  [blocks] length of each block from the start of the transfer on (the first is what is left of its block)

    Of a channel seen subcarrier by subcarrier (`Channel.by_subcarrier`) gain and snr are [blocks, subcarriers].
    """

    gain: np.ndarray
    snr: np.ndarray
    seconds: np.ndarray

    def during(self, seconds: float) -> "Draws":
        """The part of the realisation that a transfer of `seconds` seconds sees. Raises ValueError beyond its end.

        A transfer that fills the realisation exactly may exceed it by the rounding of the caller's sums.
        """
        ends = np.cumsum(self.seconds)
        if not 0.0 <= seconds <= ends[-1] * (1.0 + ROUNDING):
            raise ValueError(f"draws cover {ends[-1]} s, asked for {seconds} s")
        last = min(int(np.searchsorted(ends, seconds)), len(ends) - 1)
        kept = self.seconds[: last + 1].copy()
        kept[-1] = seconds - (ends[last - 1] if last else 0.0)
        return Draws(self.gain[: last + 1], self.snr[: last + 1], kept)
