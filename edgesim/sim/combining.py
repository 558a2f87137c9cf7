"""What a receiver remembers of the attempts at each packet, and whether it can decode them by now (phy.md 7)."""

from typing import Literal

import numpy as np

from edgesim.sim.bursts import Burst
from edgesim.sim.coding import Coding
from edgesim.sim.track import Track

Combining = Literal["none", "chase", "ir"]


class Memory:
    """Attempts at the packets of one message.

    With eps(l) the chance that l attempts together do not suffice, attempt l fails, given that those before did, in a share
    eps(l) / eps(l - 1) of the cases: a packet has one uniform number u for all attempts that are combined, and fails as long as
    u < eps(l).

    none   each attempt on its own, with a new u
    chase  the same symbols again; their SNRs add, eps at the sum (of the mean SNR of each attempt)
    ir     further redundancy; information and symbols add

    sizes  bits of each packet on air, [packets]
    """

    def __init__(self, sizes: np.ndarray, coding: Coding, combining: Combining) -> None:
        self._sizes = sizes
        self._coding = coding
        self._combining = combining
        count = len(sizes)
        self._luck = np.empty(count)
        self._scheme, self._symbols = np.zeros(count, dtype=np.int64), np.zeros(count)
        self._told, self._variance, self._snr, self._used = (np.zeros(count) for _ in range(4))

    def forget(self, packets: np.ndarray, luck: np.ndarray) -> None:
        """Begin anew with these packets, and with their uniform numbers `luck`."""
        self._luck[packets] = luck
        for remembered in (self._told, self._variance, self._snr, self._used):
            remembered[packets] = 0.0

    def sent_as(self, packets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scheme and symbols of the latest attempt at these packets."""
        return self._scheme[packets], self._symbols[packets]

    def fails(self, packets: np.ndarray, burst: Burst, arrived: np.ndarray, track: Track) -> np.ndarray:
        """Which of the packets of a burst cannot be decoded still, [packets] bool.

        arrived  [packets] bool, what was not lost in the air; a lost attempt tells nothing
        """
        self._scheme[packets], self._symbols[packets] = burst.scheme, burst.symbols
        failed = np.ones(len(packets), dtype=bool)
        for scheme in np.unique(burst.scheme):
            rows = np.flatnonzero((burst.scheme == scheme) & arrived)
            if len(rows):
                add = self._add_snr if self._combining == "chase" else self._add_information
                failed[rows] = self._luck[packets[rows]] < add(packets[rows], _rows(burst, rows), int(scheme), track)
        return failed

    def would_fail(self, packets: np.ndarray, burst: Burst, track: Track) -> np.ndarray:
        """Which packets of a first attempt will not be decoded unless they are lost in the air, [packets] bool."""
        failed = np.empty(len(packets), dtype=bool)
        for scheme in np.unique(burst.scheme):
            rows = np.flatnonzero(burst.scheme == scheme)
            part = _rows(burst, rows)
            told, variance = self._heard(part, int(scheme), track)
            chance = self._coding.failure(part.scheme, self._sizes[packets[rows]], part.symbols, told, variance)
            failed[rows] = self._luck[packets[rows]] < chance
        return failed

    def _heard(self, burst: Burst, scheme: int, track: Track) -> tuple[np.ndarray, np.ndarray]:
        """Information and its variance that each packet of a burst brought, [packets]."""
        track.reach(float(burst.ends[-1]))
        told, variance = self._coding.information(scheme, track.snr)
        rate = burst.symbols / (burst.ends - burst.starts)
        return (
            track.integral(told, burst.starts, burst.ends) * rate,
            track.integral(variance, burst.starts, burst.ends) * rate,
        )

    def _add_snr(self, packets: np.ndarray, burst: Burst, scheme: int, track: Track) -> np.ndarray:
        self._snr[packets] += track.integral(track.snr, burst.starts, burst.ends) / (burst.ends - burst.starts)
        told, variance = self._coding.information(scheme, self._snr[packets])
        symbols = burst.symbols
        return self._coding.failure(burst.scheme, self._sizes[packets], symbols, told * symbols, variance * symbols)

    def _add_information(self, packets: np.ndarray, burst: Burst, scheme: int, track: Track) -> np.ndarray:
        told, variance = self._heard(burst, scheme, track)
        self._told[packets] += told
        self._variance[packets] += variance
        self._used[packets] += burst.symbols
        return self._coding.failure(
            burst.scheme, self._sizes[packets], self._used[packets], self._told[packets], self._variance[packets]
        )


def _rows(burst: Burst, rows: np.ndarray) -> Burst:
    return Burst(burst.starts[rows], burst.ends[rows], burst.scheme[rows], burst.symbols[rows])
