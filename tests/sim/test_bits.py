"""Bit errors planned in simulated time: their rates, their places, their price."""

import math

import numpy as np
import pytest

from channels import AWGN, Ideal
from channels.base import Draws
from channels.bit_error_rates import bit_errors
from edgesim.sim.packets import Chance
from edgesim.sim.radio import Radio
from edgesim.sim.transports.bits import Bits
from edgesim.wire import Field, Manifest

SIGMA = 4.5
VALUES = Field("values", (1000, 100), 32, "values", analog=True)
LABELS = Field("labels", (64,), 4, "labels")


def fading_of(channel):
    return lambda start, blocks: channel.draws(start, blocks, 1)


def bits(**knobs) -> Bits:
    return Bits(Radio(None, bit_errors, bandwidth_hz=1e6, max_bits_per_symbol=1.0), **knobs)


def test_every_place_of_a_symbol_has_its_own_rate() -> None:
    """16-QAM at 10 dB: n bits of each place in the symbol, wrong at its exact rate (phy.md 5.2) within 4.5 sigma."""
    airtime = bits(modulation="qam16").plan(Manifest((VALUES,)), 3.0, fading_of(AWGN(snr_db=10.0)), Chance(4))
    assert airtime.flips is not None
    places = airtime.flips["values"]
    assert (np.diff(places) > 0).all()
    count = VALUES.bits // 4
    for level, rate in enumerate(bit_errors(4, 10.0)):
        wrong = np.count_nonzero(places % 4 == level)
        assert abs(wrong / count - rate) <= SIGMA * math.sqrt(rate * (1 - rate) / count)
    assert airtime.corrupted_values == len(np.unique(places // 32))


def test_the_channels_own_errors_come_on_top() -> None:
    """Two independent inversions: p + q - 2 p q; without noise q alone."""
    count = VALUES.bits
    for channel, q in ((Ideal(), 0.01), (AWGN(snr_db=5.0), 0.05)):
        airtime = bits().plan(Manifest((VALUES,)), 0.0, fading_of(channel), Chance(1, bit_error_rate=q))
        p = float(bit_errors(2, channel.draws(0.0, 1, 1).snr[0])[0])
        rate = p + q - 2 * p * q
        assert airtime.flips is not None
        assert abs(len(airtime.flips["values"]) / count - rate) <= SIGMA * math.sqrt(rate * (1 - rate) / count)


def test_errors_happen_in_the_blocks_that_are_bad() -> None:
    """Blocks of 0.4 s, 400 000 symbols, at infinite SNR and at none in turn: half of every second block is wrong."""

    def fading(start: float, blocks: int) -> Draws:
        snr = np.where(np.arange(blocks) % 2, 0.0, np.inf)
        return Draws(snr, snr, np.full(blocks, 0.4))

    airtime = bits(modulation="bpsk", guard="off").plan(Manifest((VALUES,)), 0.0, fading)
    assert airtime.flips is not None
    block = airtime.flips["values"] // 400_000
    assert set(block.tolist()) == {1, 3, 5, 7}
    assert abs(np.count_nonzero(block == 3) / 400_000 - 0.5) <= SIGMA * 0.5 / math.sqrt(400_000)


def test_airtime_and_overhead() -> None:
    """Labels and the announced range (64 bits) at 1 bit a symbol, then 3.2 Mbit at 4 bit a symbol."""
    airtime = bits(modulation="qam16").plan(Manifest((VALUES, LABELS)), 0.0, fading_of(Ideal()))
    assert airtime.symbols == 256 + 64 + VALUES.bits // 4
    assert airtime.seconds == pytest.approx(airtime.symbols / 1e6)
    assert airtime.overhead_bits == 64
    assert airtime.flips is None
    assert airtime.corrupted_values == 0
    unguarded = bits(modulation="qam16", guard="off").plan(Manifest((VALUES, LABELS)), 0.0, fading_of(Ideal()))
    assert unguarded.overhead_bits == 0


def test_labels_are_hit_only_without_protection() -> None:
    noisy = fading_of(AWGN(snr_db=-20.0))
    exposed = bits(protect_side=False).plan(Manifest((VALUES, LABELS)), 0.0, noisy)
    assert exposed.flips is not None
    assert set(exposed.flips) == {"values", "labels"}
    assert exposed.flips["labels"].max() < LABELS.bits
    kept = bits().plan(Manifest((VALUES, LABELS)), 0.0, fading_of(AWGN(snr_db=-5.0)))
    assert kept.flips is not None
    assert set(kept.flips) == {"values"}


def test_errors_belong_to_the_instant() -> None:
    noisy = fading_of(AWGN(snr_db=5.0))
    plans = [bits().plan(Manifest((VALUES,)), start, noisy, Chance(4)).flips for start in (1.5, 1.5, 1.6)]
    assert all(plan is not None for plan in plans)
    assert np.array_equal(plans[0]["values"], plans[1]["values"])
    assert not np.array_equal(plans[0]["values"], plans[2]["values"])


@pytest.mark.parametrize(("modulation", "order"), [("bpsk", 1), ("qpsk", 2), ("qam16", 4), ("qam64", 6), ("qam256", 8)])
def test_a_modulation_takes_its_time_and_its_errors(modulation: str, order: int) -> None:
    """M = 2^bits: so many bits a symbol, the last one filled up, and at 12 dB the mean error rate of that constellation."""
    odd = Field("values", (99_991,), 32, "values")  # no multiple of 6
    airtime = bits(modulation=modulation, guard="off").plan(Manifest((odd,)), 0.0, fading_of(AWGN(snr_db=12.0)), Chance(4))
    assert airtime.symbols == math.ceil(odd.bits / order)
    assert airtime.seconds == pytest.approx(airtime.symbols / 1e6)
    rate = float(bit_errors(order, 10.0**1.2).mean())
    wrong = len(airtime.flips["values"]) if airtime.flips else 0
    assert abs(wrong - rate * odd.bits) <= SIGMA * math.sqrt(max(rate * odd.bits, 1.0))
