"""The dice of a link are a known generator; that they are fair is held beside what they decide (test_harq_on_air.py)."""

import pytest

from edgesim.sim.packets import _GOLDEN, Chance, _mixed

KNOWN = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]  # of any SplitMix64, seed 1234567


@pytest.mark.parametrize("step", range(4))
def test_the_mixer_is_splitmix64s(step: int) -> None:
    assert _mixed(1234567 + (step + 1) * _GOLDEN) == KNOWN[step]


def test_one_packet_or_many_at_an_instant_and_for_a_purpose() -> None:
    """One packet has the number itself, several a stream; another instant, purpose or link has others."""
    link = Chance(key=7)
    assert link.uniform(2.5, 1, purpose=3).tolist() == [link.number(2.5, 3)]
    streams = [link.uniform(2.5, 3), link.uniform(2.5, 3, purpose=1), link.uniform(2.6, 3), Chance(key=8).uniform(2.5, 3)]
    numbers = [link.number(2.5), link.number(2.5, 1), link.number(2.6), Chance(key=8).number(2.5)]
    assert len({tuple(stream) for stream in streams}) == len(set(numbers)) == 4
    assert link.uniform(2.5, 3).tolist() == streams[0].tolist()
