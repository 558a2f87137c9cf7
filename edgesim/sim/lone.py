"""One packet by itself, without arrays: what `edgesim.sim.packets.deliver` makes of it, at a twentieth of the time."""

import math
from typing import TYPE_CHECKING

import numpy as np

from edgesim.sim.bursts import Sender, whole_slots
from edgesim.sim.packets import MOST_BURSTS, NONE, Chance, Delivery, Repeat, mean_db
from edgesim.sim.track import MOST_SNR, Fading, decibels

if TYPE_CHECKING:
    from channels.base import Draws

FIRST = np.zeros(1, dtype=np.int64)  # the packet's number
FIRST.flags.writeable = False


def deliver_one(bits: int, start_s: float, fading: Fading, sender: Sender, chance: Chance, repeat: Repeat) -> Delivery | None:
    """Send one packet of `bits` from `start_s` [s] on.

    None where it is not as simple as it mostly is: losses in the air, old reports of a channel that changes, attempts that are
    combined, wrong feedback, or an outage to be waited for. An outer loop has heard nothing yet and corrects nothing.
    """
    if sender.follows or chance.losses is not None or repeat.feedback_error:
        return None
    now = start_s
    bursts: list[tuple[float, float]] = []
    seen: list[tuple[float, float]] = []
    for number in range(MOST_BURSTS if repeat.for_ever else repeat.attempts):
        draws = fading(now, 1)
        level_db = decibels(min(float(draws.snr[0]), MOST_SNR))
        scheme, efficiency = sender.coding.pick(level_db)
        if efficiency == 0.0 or (sender.csi_delay_s and draws.seconds[0] != math.inf):
            return None
        end = now + bits / (efficiency * sender.bandwidth_hz)
        risk, mean_level_db = _risk(bits, bits / efficiency, scheme, end - now, _seen(draws, now, end, fading), sender)
        on = whole_slots(end - now, sender.slot_s)
        seen.append((mean_level_db, end - now))
        failed = chance.number(now) < risk
        if not failed or (not repeat.for_ever and number + 1 == repeat.attempts):
            bursts.append((on, 0.0))
            return Delivery(tuple(bursts), len(bursts), bits * len(bursts), FIRST if failed else NONE, mean_db(seen))
        if repeat.combining != "none":
            return None
        bursts.append((on, repeat.round_trip_s))
        now = (end if sender.slot_s == 0.0 else now + on) + repeat.round_trip_s
    return None


def _seen(first: "Draws", now: float, end: float, fading: Fading) -> list[tuple[float, float]]:
    """Seconds and SNR of each block from `now` to `end` [s]; `first` is the realisation of one block."""
    draws, blocks = first, 1
    while float(draws.seconds[0] if blocks == 1 else draws.seconds.sum()) <= end - now:
        blocks *= 8
        draws = fading(now, blocks)
    parts, left_s = [], end - now
    for snr, seconds in zip(draws.snr.tolist(), draws.seconds.tolist(), strict=True):
        parts.append((min(seconds, left_s), min(snr, MOST_SNR)))
        left_s -= seconds
        if left_s <= 0.0:
            break
    return parts


def _risk(
    bits: int, symbols: float, scheme: int, seconds: float, parts: list[tuple[float, float]], sender: Sender
) -> tuple[float, float]:
    """How often the packet fails that sees these parts of the channel, and its mean SNR [dB]."""
    told = variance = snr = 0.0
    for part_s, level in parts:
        mean, spread = sender.coding.told(scheme, level)
        share = part_s / seconds
        told, variance, snr = told + mean * share, variance + spread * share, snr + level * share
    return sender.coding.risk(scheme, bits, symbols, told * symbols, variance * symbols), decibels(snr)
