"""Packets on their way: when each is sent, whether it arrives, and when those that did not are sent again.

The receiver acknowledges a burst as a whole (selective repeat): what failed goes out in the next burst, one round trip after
the end of this one and under the channel as it is then.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

import numpy as np

from edgesim.errors import RunError
from edgesim.sim.bursts import Burst, Sender, adaptive, following, repeated, whole_slots
from edgesim.sim.combining import Combining, Memory
from edgesim.sim.outer_loop import corrected
from edgesim.sim.track import Fading, Track

MOST_BURSTS = 10_000  # a packet that fails as often will never arrive in practice


_DOUBLE, _WORD = Struct("<d"), Struct("<Q")
_GOLDEN, _MASK = 0x9E3779B97F4A7C15, (1 << 64) - 1


def _mixed(word: int) -> int:
    """SplitMix64's finaliser (Steele, Lea & Flood, Fast Splittable Pseudorandom Number Generators, OOPSLA 2014)."""
    word &= _MASK
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    word = (word ^ word >> 27) * 0x94D049BB133111EB & _MASK
    return word ^ word >> 31


@dataclass(frozen=True, slots=True)
class Chance:
    """What befalls a link besides fading; pure functions of absolute time, like it.

    key             seed of its decoding failures and bit errors
    losses          (start [s], packets, seconds each) -> [packets] bool, lost whatever the SNR; None where nothing is
    bit_error_rate  of the channel itself, beside what noise does
    inversion       gain threshold -> SNR over the mean SNR under truncated inversion; None where the gain's law is not known
    by_subcarrier   (start [s], blocks) -> the fading's blocks, gain and SNR [blocks, subcarriers]; None where the band is flat
    """

    key: int = 0
    losses: Callable[[float, int, float], np.ndarray] | None = None
    bit_error_rate: float = 0.0
    inversion: Callable[[float], float] | None = None
    by_subcarrier: Fading | None = None

    def uniform(self, at_s: float, count: int, purpose: int = 0) -> np.ndarray:
        """`count` numbers in [0, 1) that belong to this link, this instant and this purpose."""
        if count == 1:
            return np.array([self.number(at_s, purpose)])
        return self.generator(at_s, purpose).random(count)

    def number(self, at_s: float, purpose: int = 0) -> float:
        """One such number, without a generator, which takes ten times as long to make: a hash (SplitMix64's mixer)."""
        (instant,) = _WORD.unpack(_DOUBLE.pack(at_s))
        return (_mixed(_mixed(_mixed(self.key + _GOLDEN * (purpose + 1)) ^ instant) ^ self.key) >> 11) * 2.0**-53

    def generator(self, at_s: float, purpose: int = 0) -> np.random.Generator:
        """A random stream that belongs to this link, this instant and this purpose."""
        instant = np.float64(at_s).view(np.uint64)
        counter = np.array([0, purpose, instant, 0], dtype=np.uint64)
        return np.random.Generator(np.random.Philox(key=self.key, counter=counter))


LUCK = Chance()  # of a link that only fades


@dataclass(frozen=True, slots=True)
class Repeat:
    """How packets are sent again.

    attempts        times a packet is sent before the receiver forgets what it has of it
    combining       what the receiver makes of several attempts, see `Memory`
    for_ever        begin anew after the last attempt, until everything has arrived
    round_trip_s    from the end of a burst to the beginning of the next [s]
    feedback_error  how often an acknowledgement is taken for its opposite
    """

    attempts: int = 1
    combining: Combining = "none"
    for_ever: bool = False
    round_trip_s: float = 0.0
    feedback_error: float = 0.0


class Delivery(NamedTuple):
    """The fate of a message's packets.

    bursts     (sending [s], silent [s]) of each burst; silence is waiting for an acknowledgement or a better channel
    sent       packets sent, repeats included; sent_bits: their bits on air
    lost       numbers of the packets that never arrived, ascending
    snr_db     averaged over the time of the bursts
    """

    bursts: tuple[tuple[float, float], ...]
    sent: int
    sent_bits: int
    lost: np.ndarray
    snr_db: float

    @property
    def seconds(self) -> float:
        """From the first symbol to the last [s]."""
        return math.fsum(on + off for on, off in self.bursts)


NONE = np.zeros(0, dtype=np.int64)
NONE.flags.writeable = False


def deliver(sizes: np.ndarray, start_s: float, fading: Fading, sender: Sender, chance: Chance, repeat: Repeat) -> Delivery:
    """Send packets of `sizes` bits [packets], all equal but the last, from `start_s` [s] on; a pure function of its arguments.

    Raises RunError if the link carries nothing, or loses the same packets over and over.
    """
    flight = _Flight(sizes, sender, chance, repeat)
    now = start_s
    bursts: list[tuple[float, float]] = []
    seen: list[tuple[float, float]] = []
    sent = sent_bits = 0
    for number in range(MOST_BURSTS):
        sent, sent_bits = sent + len(flight.pending), sent_bits + int(sizes[flight.pending].sum())
        track = Track(fading, max(0.0, now - sender.csi_delay_s))
        burst = flight.send(number, now, track)
        end, silent_s = float(burst.ends[-1]), burst.silent_s
        track.reach(end)
        flight.hear(number, burst, track)
        seen.append((track.mean_db(now, end), end - now - silent_s))
        on = whole_slots(end - now - silent_s, sender.slot_s)
        if flight.over(number):
            bursts.append((on, silent_s))
            return Delivery(tuple(bursts), sent, sent_bits, flight.lost, mean_db(seen))
        bursts.append((on, silent_s + repeat.round_trip_s))
        now = (end if sender.slot_s == 0.0 else now + silent_s + on) + repeat.round_trip_s
    raise RunError(
        f"the same packets were lost {MOST_BURSTS} times on end, within {now - start_s:.3g} s ({len(flight.lost)} of them): "
        "raise the SNR, choose a slower scheme, or give the transport a round_trip_s, for attempts at once meet the same fade"
    )


class _Flight:
    """The packets of a message that the sender still cares about, and what the receiver has of them.

    pending  their numbers, ascending
    """

    def __init__(self, sizes: np.ndarray, sender: Sender, chance: Chance, repeat: Repeat) -> None:
        self._sizes, self._sender, self._chance, self._repeat = sizes, sender, chance, repeat
        self.pending = np.arange(len(sizes))
        self._missing = np.ones(len(sizes), dtype=bool)  # not there yet, whatever the sender believes
        self._memory: Memory | None = None

    @property
    def lost(self) -> np.ndarray:
        """Numbers of the packets that are not there, ascending."""
        return np.flatnonzero(self._missing)

    def send(self, number: int, now: float, track: Track) -> Burst:
        """The packets' next burst, which begins at `now` [s]."""
        sender, sizes = self._sender, self._sizes[self.pending]
        if sender.follows:
            return following(sizes, now, track, sender)
        if number % self._repeat.attempts and self._repeat.combining != "none" and self._memory is not None:
            return repeated(*self._memory.sent_as(), now, sender.bandwidth_hz)
        luck = self._chance.uniform(now, len(sizes))
        self._memory = Memory(sizes, luck, sender.coding, self._repeat.combining)
        return corrected(sizes, now, track, sender, luck) if sender.outer_loop else adaptive(sizes, now, track, sender)

    def hear(self, number: int, burst: Burst, track: Track) -> None:
        """What the receiver makes of a burst, and what the sender hears of that."""
        arrived = np.ones(len(self.pending), dtype=bool)
        if self._chance.losses is not None:
            start = float(burst.starts[0])
            arrived = ~self._chance.losses(start, len(arrived), (float(burst.ends[-1]) - start) / len(arrived))
        failed = ~arrived if self._memory is None else self._memory.fails(burst, arrived, track)
        failed &= self._missing[self.pending]  # a packet that is sent again although it arrived stays there
        self._missing[self.pending] = failed
        again = failed
        if self._repeat.feedback_error:
            misheard = self._chance.uniform(float(burst.ends[-1]), len(failed), purpose=3) < self._repeat.feedback_error
            again = failed ^ misheard
        rows = np.flatnonzero(again)
        self.pending = self.pending[rows]
        more = (number + 1) % self._repeat.attempts and self._repeat.combining != "none"
        if more and len(rows) and self._memory is not None:
            self._memory = self._memory.kept(rows)

    def over(self, number: int) -> bool:
        """Whether nothing is sent any more. What was wrongly acknowledged is asked for by the layer above, if anybody is."""
        if not self._repeat.for_ever:
            return not len(self.pending) or number + 1 == self._repeat.attempts
        if not len(self.pending):
            self.pending, self._memory = self.lost, None
        return not len(self.pending)


def mean_db(seen: list[tuple[float, float]]) -> float:
    """Mean of SNRs in dB, weighted by seconds [dB]."""
    total = math.fsum(seconds for _db, seconds in seen)
    if len(seen) == 1 or total == 0.0:
        return seen[0][0]
    mean = math.fsum(10.0 ** (db / 10.0) * seconds for db, seconds in seen) / total
    return 10.0 * math.log10(mean) if mean > 0.0 else -math.inf
