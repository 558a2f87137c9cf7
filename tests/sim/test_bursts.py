"""Bursts by hand: waiting for a channel that carries something, whole slots, and what is sent again after both."""

import math

import numpy as np
import pytest

from channels import Draws
from edgesim.sim.bursts import Sender
from edgesim.sim.coding import Shannon
from edgesim.sim.packets import Chance, Repeat, deliver


def dark_then_bright(start: float, blocks: int) -> Draws:
    """Nothing for a second, then an SNR of 3, which is 2 bits a symbol, for ever."""
    seconds = np.array([1.0 - start, math.inf] if start < 1.0 else [math.inf])[:blocks]
    snr = np.array([0.0, 3.0] if start < 1.0 else [3.0])[:blocks]
    return Draws(snr, snr, seconds)


@pytest.mark.parametrize(
    ("slot_s", "bursts"),
    [
        (0.0, ((1.0, 1.0 + 0.2), (0.5, 0.0))),
        (0.7, ((1.4, 1.0 + 0.2), (0.7, 0.0))),
    ],
)
def test_silence_slots_and_a_repeat(slot_s: float, bursts: tuple[tuple[float, float], ...]) -> None:
    """Two packets of half a second each wait a second; the first is lost and goes out again 0.2 s after the burst."""
    asked: list[tuple[float, int, float]] = []

    def losses(start: float, packets: int, packet_s: float) -> np.ndarray:
        asked.append((start, packets, packet_s))
        return np.array([packets == 2, False][:packets])

    sender = Sender(Shannon(1.0, 6.0), 10.0, slot_s=slot_s)
    repeat = Repeat(attempts=4, for_ever=True, round_trip_s=0.2)
    sent = deliver(np.array([10, 10]), 0.0, dark_then_bright, sender, Chance(losses=losses), repeat)
    assert np.array(sent.bursts) == pytest.approx(np.array(bursts))
    assert sent.seconds == pytest.approx(sum(map(sum, bursts)))
    assert (sent.sent, sent.sent_bits, sent.lost.tolist()) == (3, 30, [])
    again_s = 1.0 + bursts[0][0] + 0.2
    assert np.array(asked) == pytest.approx(np.array([(1.0, 2, 0.5), (again_s, 1, 0.5)]))
    # an SNR of 1.5 over the first two seconds, one of them on air, and of 3 over the half second of the repeat
    assert sent.snr_db == pytest.approx(10.0 * math.log10((1.5 * 1.0 + 3.0 * 0.5) / 1.5))
