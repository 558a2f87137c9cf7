"""What a receiver remembers of several packets whose channel changes within each of them, by hand."""

import math

import numpy as np
import pytest

from channels import Draws
from edgesim.sim.bursts import Burst
from edgesim.sim.coding import Shannon
from edgesim.sim.combining import Memory, Steps, Told
from edgesim.sim.track import Track

CODING = Shannon(1.0, 16.0)
BOTH = np.array([True, True])


def stairs(*blocks: tuple[float, float]) -> Track:
    """(seconds, SNR) one after the other, the last for ever."""
    seconds, snr = (np.array(column) for column in zip(*blocks, strict=True))

    def fading(start: float, count: int) -> Draws:
        assert start == 0.0
        level = np.append(snr, np.full(max(0, count - len(snr)), snr[-1]))[:count]
        return Draws(level, level, np.append(seconds, np.full(max(0, count - len(snr)), 1.0))[:count])

    return Track(fading, 0.0)


def burst() -> Burst:
    """Two packets of a second and ten symbols each."""
    return Burst(np.array([0.0, 1.0]), np.array([1.0, 2.0]), np.zeros(2, dtype=np.int64), np.array([10.0, 10.0]))


FIRST = stairs((0.25, 1.0), (1.0, 3.0), (0.25, 7.0), (9.0, 15.0))  # changes at 0.25, 1.25 and 1.5 s
LATER = stairs((0.5, 4.0), (9.0, 12.0))  # changes at 0.5 s


def test_steps_of_each_packet_are_its_own() -> None:
    """1 and 3 for a quarter and three; then 3, 7 and 15 for a quarter, a quarter and a half."""
    steps = Steps.of(burst(), BOTH, FIRST, CODING)
    assert steps.upto == pytest.approx(np.array([0.25, 1.0, 1.25, 1.5, 2.0]))
    assert steps.snr.tolist() == [1.0, 3.0, 3.0, 7.0, 15.0]
    assert steps.packet.tolist() == [0, 0, 1, 1, 1]


def test_chase_adds_symbol_by_symbol() -> None:
    both = Steps.of(burst(), BOTH, FIRST, CODING).and_then(Steps.of(burst(), BOTH, LATER, CODING))
    assert both.upto == pytest.approx(np.array([0.25, 0.5, 1.0, 1.25, 1.5, 2.0]))
    assert both.snr.tolist() == [5.0, 7.0, 15.0, 15.0, 19.0, 27.0]


def told_bits(kind: type[Steps | Told], attempts: int) -> list[float]:
    """Bits that ten symbols of each packet tell: means of log2(1 + snr) over its parts."""
    alone = [0.25 * 1 + 0.75 * 2, 0.25 * 2 + 0.25 * 3 + 0.5 * 4]
    if attempts == 1:
        return [10 * bits for bits in alone]
    if kind is Told:
        return [10 * (alone[0] + (math.log2(5) + math.log2(13)) / 2), 10 * (alone[1] + math.log2(13))]
    chased = [0.25 * math.log2(6) + 0.25 * 3 + 0.5 * 4, 0.25 * 4 + 0.25 * math.log2(20) + 0.5 * math.log2(28)]
    return [10 * bits for bits in chased]


@pytest.mark.parametrize("attempts", [1, 2])
@pytest.mark.parametrize("kind", [Steps, Told])
def test_a_packet_arrives_with_as_many_bits_as_it_was_told(kind: type[Steps | Told], attempts: int) -> None:
    heard = kind.of(burst(), BOTH, FIRST, CODING)
    if attempts == 2:
        heard = heard.and_then(kind.of(burst(), BOTH, LATER, CODING))
    enough = np.array(told_bits(kind, attempts))
    for packet in (0, 1):
        for share, fails in ((1.0 - 1e-6, 0.0), (1.0 + 1e-6, 1.0)):
            sizes = enough * np.where(np.arange(2) == packet, share, 0.5)
            assert heard.failure(np.zeros(2, dtype=np.int64), sizes, CODING).tolist() == [
                fails * (packet == at) for at in (0, 1)
            ]
    one = heard.rows(np.array([1])).failure(np.zeros(1, dtype=np.int64), enough[1:] * (1.0 + 1e-6), CODING)
    assert one.tolist() == [1.0]


@pytest.mark.parametrize("lost", [True, False])
def test_an_attempt_lost_in_the_air_tells_nothing(lost: bool) -> None:
    """Of the 32 bits of the first packet both attempts together tell 34.0, the second alone 30.1."""
    memory = Memory(np.array([32.0, 30.0]), np.zeros(2), CODING, "chase")
    assert memory.fails(burst(), np.array([not lost, True]), FIRST).tolist() == [True, False]
    again, one = memory.kept(np.array([0])), Burst(*(column[:1] for column in burst()[:4]))
    assert again.fails(one, np.array([True]), LATER).tolist() == [lost]
