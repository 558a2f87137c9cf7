"""What a receiver remembers of the attempts at each packet, and whether it can decode them by now (phy.md 7)."""

from typing import Any, Literal, NamedTuple, Protocol

import numpy as np

from edgesim.sim.bursts import Burst
from edgesim.sim.coding import Coding
from edgesim.sim.track import Track

Combining = Literal["none", "chase", "ir"]


class Memory:
    """Attempts at packets that are under way; arrays are [packets].

    With eps(l) the chance that l attempts together do not suffice, attempt l fails, given that those before did, in a share
    eps(l) / eps(l - 1) of the cases: a packet has one uniform number u for all attempts that are combined, and fails as long as
    u < eps(l).

    none   each attempt on its own, with a new u
    chase  the same symbols again: their SNRs add symbol by symbol, each that of its own attempt's channel
    ir     further redundancy; information and symbols add

    sizes  bits of each packet on air
    luck   u
    """

    def __init__(self, sizes: np.ndarray, luck: np.ndarray, coding: Coding, combining: Combining) -> None:
        self._sizes, self._luck, self._coding = sizes, luck, coding
        self._combining = combining
        self._heard: Heard | None = None  # of the attempts so far; None before the first
        self._latest: tuple[Burst, np.ndarray, Track]

    def fails(self, burst: Burst, arrived: np.ndarray, track: Track) -> np.ndarray:
        """Which of the packets of one more attempt cannot be decoded still.

        arrived  what was not lost in the air; a lost attempt tells nothing
        """
        self._latest = burst, arrived, track
        if self._heard is None:
            chance = alone(self._sizes, burst, track, self._coding)
        else:
            self._heard = self._heard.and_then(self._listen(burst, arrived, track))
            chance = self._heard.failure(burst.scheme, self._sizes, self._coding)
        failed: np.ndarray = ~arrived | (self._luck < chance)
        return failed

    def kept(self, rows: np.ndarray) -> "Memory":
        """The memory of the packets `rows` [n] alone, which are sent again."""
        left = Memory(self._sizes[rows], self._luck[rows], self._coding, self._combining)
        burst, arrived, track = self._latest
        left._latest = burst.rows(rows), arrived[rows], track
        left._heard = self._listen(*left._latest) if self._heard is None else self._heard.rows(rows)
        return left

    def sent_as(self) -> tuple[np.ndarray, np.ndarray]:
        """Scheme and symbols of the latest attempt."""
        return self._latest[0].scheme, self._latest[0].symbols

    def _listen(self, burst: Burst, arrived: np.ndarray, track: Track) -> "Heard":
        kind = Steps if self._combining == "chase" else Told
        heard: Heard = kind.of(burst, arrived, track, self._coding)
        return heard


def alone(sizes: np.ndarray, burst: Burst, track: Track, coding: Coding) -> np.ndarray:
    """How often each packet of a burst fails by itself, [packets]; computed once for packets that see the same."""
    track.reach(float(burst.ends[-1]))
    new = track.changes(burst.starts, burst.ends)
    new[1:] |= burst.scheme[1:] != burst.scheme[:-1]
    new[1:] |= sizes[1:] != sizes[:-1]
    some = np.flatnonzero(new)
    part = burst.rows(some)
    chance = Told.of(part, np.ones(len(some), dtype=bool), track, coding).failure(part.scheme, sizes[some], coding)
    every: np.ndarray = chance[np.cumsum(new) - 1]
    return every


class Heard(Protocol):
    """What attempts at packets brought together."""

    def and_then(self, later: Any) -> "Heard":
        """By these attempts and another one."""

    def rows(self, rows: np.ndarray) -> "Heard":
        """Of some of the packets."""

    def failure(self, scheme: np.ndarray, sizes: np.ndarray, coding: Coding) -> np.ndarray:
        """How often each packet is not decodable, [packets]."""


class Told(NamedTuple):
    """What the receiver was told of each packet: information [bit] and its variance [bit^2], in how many symbols."""

    mean: np.ndarray
    variance: np.ndarray
    symbols: np.ndarray

    @classmethod
    def of(cls, burst: Burst, arrived: np.ndarray, track: Track, coding: Coding) -> "Told":
        """By one attempt."""
        pieces = track.pieces(burst.starts, burst.ends)
        mean, variance = coding.information(burst.scheme[pieces.packet], pieces.snr)
        symbols = burst.symbols * arrived
        return cls(pieces.mean(mean) * symbols, pieces.mean(variance) * symbols, symbols)

    def and_then(self, later: "Told") -> "Told":
        """By these attempts and another one."""
        return Told(*(mine + theirs for mine, theirs in zip(self, later, strict=True)))

    def rows(self, rows: np.ndarray) -> "Told":
        """Of some of the packets."""
        return Told(*(each[rows] for each in self))

    def failure(self, scheme: np.ndarray, sizes: np.ndarray, coding: Coding) -> np.ndarray:
        """How often each packet is not decodable."""
        return coding.failure(scheme, sizes, self.symbols, self.mean, self.variance)


class Steps(NamedTuple):
    """The SNR of every symbol of each packet, the sum over its attempts: constant between steps.

    upto     [steps] number of the packet plus the part of it that is over at the end of a step, ascending
    snr      [steps]
    symbols  [packets]
    """

    upto: np.ndarray
    snr: np.ndarray
    symbols: np.ndarray

    @classmethod
    def of(cls, burst: Burst, arrived: np.ndarray, track: Track, coding: Coding) -> "Steps":
        """Of one attempt; `coding` has no part in it."""
        pieces = track.pieces(burst.starts, burst.ends)
        last = np.append(pieces.first[1:], len(pieces.packet)) - 1
        over = np.cumsum(pieces.share)
        over -= np.concatenate([[0.0], over[last[:-1]]])[pieces.packet]  # since the packet began
        over[last] = 1.0  # exactly
        return cls(pieces.packet + np.minimum(over, 1.0), pieces.snr * arrived[pieces.packet], burst.symbols)

    @property
    def packet(self) -> np.ndarray:
        """Number of the packet of each step, [steps] int."""
        number: np.ndarray = np.ceil(self.upto).astype(np.int64) - 1
        return number

    def and_then(self, later: "Steps") -> "Steps":
        """Of these attempts and another one."""
        upto = np.union1d(self.upto, later.upto)
        snr = self.snr[np.searchsorted(self.upto, upto)] + later.snr[np.searchsorted(later.upto, upto)]
        return Steps(upto, snr, self.symbols)

    def rows(self, rows: np.ndarray) -> "Steps":
        """Of some of the packets."""
        place = np.full(len(self.symbols), -1)
        place[rows] = np.arange(len(rows))
        packet = self.packet
        kept = place[packet] >= 0
        packet = packet[kept]
        return Steps(self.upto[kept] - packet + place[packet], self.snr[kept], self.symbols[rows])

    def failure(self, scheme: np.ndarray, sizes: np.ndarray, coding: Coding) -> np.ndarray:
        """How often each packet is not decodable: one copy of its symbols at their combined SNR."""
        packet = self.packet
        mean, variance = coding.information(scheme[packet], self.snr)
        weight = np.diff(self.upto, prepend=0.0) * self.symbols[packet]
        first = np.searchsorted(packet, np.arange(len(self.symbols)))
        told, spread = np.add.reduceat(mean * weight, first), np.add.reduceat(variance * weight, first)
        return coding.failure(scheme, sizes, self.symbols, told, spread)
