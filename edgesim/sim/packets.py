"""Packets on their way: when each is sent, whether it arrives, and when those that did not are sent again.

The receiver acknowledges a burst as a whole (selective repeat): what failed goes out in the next burst, one round trip after
the end of this one and under the channel as it is then.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from edgesim.errors import RunError
from edgesim.sim.bursts import Burst, Sender, adaptive, following, repeated
from edgesim.sim.combining import Combining, Memory
from edgesim.sim.track import Fading, Track

MOST_BURSTS = 10_000  # a packet that fails as often will never arrive in practice


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
        return self.generator(at_s, purpose).random(count)

    def generator(self, at_s: float, purpose: int = 0) -> np.random.Generator:
        """A random stream that belongs to this link, this instant and this purpose."""
        instant = np.float64(at_s).view(np.uint64)
        counter = np.array([0, purpose, instant, 0], dtype=np.uint64)
        return np.random.Generator(np.random.Philox(key=self.key, counter=counter))


LUCK = Chance()  # of a link that only fades


@dataclass(frozen=True, slots=True)
class Repeat:
    """How packets are sent again.

    attempts      times a packet is sent before the receiver forgets what it has of it
    combining     what the receiver makes of several attempts, see `Memory`
    for_ever      begin anew after the last attempt, until everything has arrived
    round_trip_s  from the end of a burst to the beginning of the next [s]
    """

    attempts: int = 1
    combining: Combining = "none"
    for_ever: bool = False
    round_trip_s: float = 0.0


class Delivery(NamedTuple):
    """The fate of a message's packets.

    bursts     (sending [s], silent [s]) of each burst; silence is waiting for an acknowledgement or a better channel
    sent       packets sent, repeats included; sent_bits: their bits on air
    lost       numbers of the packets that never arrived
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


def deliver(sizes: np.ndarray, start_s: float, fading: Fading, sender: Sender, chance: Chance, repeat: Repeat) -> Delivery:
    """Send packets of `sizes` bits [packets] from `start_s` [s] on; a pure function of its arguments.

    Raises RunError if the link carries nothing, or loses the same packets over and over.
    """
    pending, now = np.arange(len(sizes)), start_s
    memory = Memory(sizes, sender.coding, repeat.combining)
    bursts: list[tuple[float, float]] = []
    seen: list[tuple[float, float]] = []
    sent = sent_bits = 0
    for number in range(MOST_BURSTS):
        attempt = number % repeat.attempts
        anew = attempt == 0 or repeat.combining == "none"
        if anew:
            memory.forget(pending, chance.uniform(now, len(pending)))
        track = Track(fading, max(0.0, now - sender.csi_delay_s))
        burst = _burst(sizes, pending, now, track, sender, memory, anew)
        end = float(burst.ends[-1])
        track.reach(end)
        failed = _failed(pending, burst, track, sender, chance, memory)
        sent, sent_bits = sent + len(pending), sent_bits + int(sizes[pending].sum())
        on = end - now - burst.silent_s
        seen.append((track.mean_db(now, end), on))
        pending = pending[failed]
        if not len(pending) or (not repeat.for_ever and attempt + 1 == repeat.attempts):
            bursts.append((on, burst.silent_s))
            return Delivery(tuple(bursts), sent, sent_bits, pending, _mean_db(seen))
        bursts.append((on, burst.silent_s + repeat.round_trip_s))
        now = end + repeat.round_trip_s
    raise RunError(f"{len(pending)} packets were lost {MOST_BURSTS} times: raise the SNR, or choose a slower scheme")


def _burst(
    sizes: np.ndarray, pending: np.ndarray, now: float, track: Track, sender: Sender, memory: Memory, anew: bool
) -> Burst:
    if sender.follows:
        return following(sizes[pending], now, track, sender)
    if not anew:
        return repeated(*memory.sent_as(pending), now, sender.bandwidth_hz)
    return adaptive(sizes[pending], now, track, sender, lambda part, burst: memory.would_fail(pending[part], burst, track))


def _failed(pending: np.ndarray, burst: Burst, track: Track, sender: Sender, chance: Chance, memory: Memory) -> np.ndarray:
    """Which packets of a burst are not there yet, [packets] bool."""
    arrived = np.ones(len(pending), dtype=bool)
    if chance.losses is not None:
        start = float(burst.starts[0])
        arrived = ~chance.losses(start, len(pending), (float(burst.ends[-1]) - start) / len(pending))
    return ~arrived if sender.follows else memory.fails(pending, burst, arrived, track)


def _mean_db(seen: list[tuple[float, float]]) -> float:
    """Mean of SNRs in dB, weighted by seconds [dB]."""
    total = math.fsum(seconds for _db, seconds in seen)
    if len(seen) == 1 or total == 0.0:
        return seen[0][0]
    mean = math.fsum(10.0 ** (db / 10.0) * seconds for db, seconds in seen) / total
    return 10.0 * math.log10(mean) if mean > 0.0 else -math.inf
