"""Losses in bursts."""

import math
from collections import OrderedDict
from typing import Annotated, NamedTuple

import numpy as np

from channels import units
from channels.base import Channel, Draws, check_packets
from channels.blocks import FINEST, constant, stream
from channels.bursts import Chain, burst_length
from channels.erasure import lost_at_random

TOGETHER = 256.0  # looks of the state, on average, that are drawn together
KEPT = 4096  # groups of looks remembered; 5 KiB each
LOOKS = 7  # purpose of their random streams


class Looks(NamedTuple):
    """When the state was drawn anew [s], increasing, and whether it was bad from then on; [looks] both."""

    times_s: np.ndarray
    bad: np.ndarray


class GilbertElliott(Channel):
    """Packets lost in bursts: a state, good or bad, that changes in continuous time, and two loss probabilities.

    The bad state lasts `burst_s` on average and as much of the time as makes the mean loss `loss`; sojourns are exponential
    (Gilbert 1960, Elliott 1963; phy.md 3.2). A packet meets the state of the instant at which it begins. The state is drawn
    anew, bad with its share of the time, at the instants of a Poisson process, which is the same process and lets it be asked
    for at any time in any order: rates a and b of leaving good and bad are one rate a + b of such instants.

    loss       share of packets lost, averaged over time
    burst_s    mean time on end in the bad state [s]
    loss_good  share of packets lost in the good state
    loss_bad   share of packets lost in the bad state
    snr_db     signal-to-noise ratio Es/N0 per complex symbol; without it there is no noise [dB]

    >>> channel = GilbertElliott(loss=0.05, burst_s=0.08)
    >>> int(channel.losses(start_s=3.0, packets=10_000, packet_s=0.01, key=1).sum())
    586
    """

    def __init__(
        self,
        *,
        loss: Annotated[float, "(0, 1)"],
        burst_s: Annotated[float, "(0, inf)"],
        loss_good: Annotated[float, "[0, 1)"] = 0.0,
        loss_bad: Annotated[float, "(0, 1]"] = 1.0,
        snr_db: Annotated[float, "(-inf, inf]"] | None = None,
    ) -> None:
        if not 0.0 <= loss_good < loss < loss_bad <= 1.0:
            raise ValueError(f"need 0 <= loss_good < loss < loss_bad <= 1, got {loss_good}, {loss} and {loss_bad}")
        if not 0.0 < burst_s < math.inf:
            raise ValueError(f"burst_s must be positive and finite, got {burst_s}")
        self.loss, self.loss_good, self.loss_bad = loss, loss_good, loss_bad
        self.burst_s = burst_s
        self.snr = math.inf if snr_db is None else units.mean_snr(snr_db)
        self.bad = (loss - loss_good) / (loss_bad - loss_good)  # share of the time
        self._group_s = TOGETHER * burst_s * (1.0 - self.bad)  # a + b = 1 / (burst_s (1 - bad))
        self._groups: OrderedDict[tuple[int, int], Looks] = OrderedDict()

    @classmethod
    def of_packets(cls, chain: Chain, packet_s: float) -> "GilbertElliott":
        """The channel of which packets every `packet_s` [s] see exactly `chain`; see `channels.bursts.chain`."""
        return cls(loss=chain.loss(), burst_s=burst_length(chain, packet_s))

    def draws(self, start_s: float, blocks: int, key: int) -> Draws:
        """One block without end: bursts lose packets and change no SNR."""
        return constant(1.0, self.snr)

    def losses(self, start_s: float, packets: int, packet_s: float, key: int) -> np.ndarray:
        """Which packets are lost, [packets] bool; see `Channel.losses`."""
        check_packets(start_s, packets, packet_s, key)
        bad = self.is_bad(start_s + packet_s * np.arange(packets), key)
        if self.loss_good == 0.0 and self.loss_bad == 1.0:
            return bad
        return lost_at_random(np.where(bad, self.loss_bad, self.loss_good), start_s, key)

    def is_bad(self, times_s: np.ndarray, key: int) -> np.ndarray:
        """The state at `times_s` [s], [times], not negative and increasing; [times] bool.

        Raises ValueError for bursts too short for float64 to resolve at those times.
        """
        if len(times_s) and self._group_s < FINEST * math.ulp(float(times_s[-1])):
            raise ValueError(
                f"bursts of {self.burst_s} s cannot be resolved at {times_s[-1]} s: use longer bursts or an earlier start"
            )
        group = np.floor(times_s / self._group_s).astype(np.int64)
        bad = np.empty(len(times_s), dtype=np.bool_)
        for number in np.unique(group):
            here = slice(*np.searchsorted(group, [number, number + 1]))
            looks = self._looks(key, int(number))
            last = np.searchsorted(looks.times_s, times_s[here], side="right") - 1
            before = self._left(key, int(number) - 1) if (last < 0).any() else False
            bad[here] = np.where(last >= 0, np.append(looks.bad, False)[last], before)
        return bad

    def _left(self, key: int, number: int) -> bool:
        """The state that a group of looks leaves behind."""
        while True:
            looks = self._looks(key, number)
            if len(looks.bad):
                return bool(looks.bad[-1])
            number -= 1  # once in e^256 groups

    def _looks(self, key: int, number: int) -> Looks:
        """The looks of one group, which lasts from number G to (number + 1) G; the state existed before time 0."""
        known = self._groups.get((key, number))
        if known is not None:
            return known
        generator = stream(key, number, LOOKS)
        count = int(generator.poisson(TOGETHER))
        times = (number + np.sort(generator.random(count))) * self._group_s
        looks = Looks(times, generator.random(count) < self.bad)
        if len(self._groups) >= KEPT:
            self._groups.popitem(last=False)  # the oldest
        self._groups[key, number] = looks
        return looks
