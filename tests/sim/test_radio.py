"""Airtime against Shannon's formula, worked by hand."""

import math

import numpy as np
import pytest

from channels import AWGN, Draws, Ideal, Rayleigh
from channels.adaptation import Adaptation
from edgesim.errors import RunError
from edgesim.sim.packets import Chance
from edgesim.sim.radio import Airtime, Radio, mean_snr_db
from edgesim.sim.transports.analog import Analog
from edgesim.sim.transports.reliable import Reliable
from edgesim.wire import Field, Manifest


def fading_of(channel, key: int = 1):
    return lambda start, blocks: channel.draws(start, blocks, key)


def steps_of(snrs: list[float], seconds: float):
    """A channel of known blocks: the last one repeats."""

    def fading(start: float, blocks: int):
        snr = np.array((snrs + [snrs[-1]] * blocks)[:blocks])
        return Draws(snr, snr, np.full(blocks, seconds))

    return fading


def test_an_ideal_channel_runs_at_the_cap() -> None:
    radio = Radio(bandwidth_hz=2e6, max_bits_per_symbol=4.0)
    airtime = radio.walk(8_000_000, 0.0, fading_of(Ideal()))
    assert airtime.seconds == 1.0
    assert airtime.symbols == 2_000_000
    assert airtime.snr_db == math.inf


def test_awgn_runs_at_capacity_with_the_gap() -> None:
    radio = Radio(bandwidth_hz=1e6, gap_db=3.0, max_bits_per_symbol=16.0)
    airtime = radio.walk(1_000_000, 5.0, fading_of(AWGN(snr_db=10.0)))
    assert airtime.seconds == pytest.approx(1.0 / math.log2(1.0 + 10.0 ** (10 / 10) / 10.0 ** (3 / 10)), rel=1e-12)
    assert airtime.snr_db == pytest.approx(10.0)


def test_headers_are_overhead_and_take_time() -> None:
    radio = Radio(bandwidth_hz=1e6, max_bits_per_symbol=1.0, packet_bits=1000, header_bits=100)
    airtime = radio.walk(2500, 0.0, fading_of(Ideal()))
    assert (airtime.packets, airtime.overhead_bits) == (3, 300)
    assert airtime.seconds == pytest.approx(2800e-6)


def test_a_transfer_walks_over_the_blocks_until_its_bits_are_out() -> None:
    # 1, 2 and 3 bits per symbol in blocks of 1 s at 10 symbols per second: 10 + 20 + 12 bits take 2.4 s
    radio = Radio(bandwidth_hz=10.0)
    airtime = radio.walk(42, 0.0, steps_of([1.0, 3.0, 7.0], 1.0))
    assert airtime.seconds == pytest.approx(2.4)
    assert airtime.symbols == 24


def test_a_link_that_carries_nothing_says_so() -> None:
    with pytest.raises(RunError, match="carries nothing"):
        Radio().walk(1, 0.0, lambda start, blocks: Draws(np.zeros(1), np.zeros(1), np.full(1, np.inf)))


def test_an_empty_message_takes_no_time() -> None:
    assert Radio(latency_s=1.0).walk(0, 0.0, fading_of(Ideal())).seconds == 0.0


def test_mean_rayleigh_throughput_is_the_ergodic_capacity() -> None:
    """E log2(1 + g snr) = e^(1/snr) E1(1/snr) / ln 2 (phy.md 6.5) over 20 000 blocks, within 4 standard errors."""
    from scipy.special import exp1

    snr, blocks, length = 10.0, 20_000, 1e-3
    channel = Rayleigh(snr_db=10.0, coherence_s=length)
    radio = Radio(bandwidth_hz=1e6, max_bits_per_symbol=16.0)
    draws = channel.draws(0.0, blocks, key=7)
    expected = math.exp(1 / snr) * exp1(1 / snr) / math.log(2)
    error = np.log2(1 + draws.snr).std() / math.sqrt(blocks)
    bits = int(expected * 1e6 * length * (blocks // 2))
    airtime = radio.walk(bits, 0.0, fading_of(channel, key=7))
    assert bits / airtime.seconds / 1e6 == pytest.approx(expected, abs=4 * error * math.sqrt(2))


@pytest.mark.parametrize("knob", ["bandwidth_hz", "max_bits_per_symbol", "packet_bits"])
def test_impossible_knobs_are_refused_by_name(knob: str) -> None:
    with pytest.raises(ValueError, match=knob):
        Radio(**{knob: 0})


@pytest.mark.parametrize(
    ("coded", "knobs", "said"),
    [
        (False, {"rates": "mcs1"}, "needs a coding"),
        (True, {"rates": "shannon"}, "takes no coding"),
        (True, {"rates": "mcs1", "bits_per_symbol": 2.0}, "bits_per_symbol belongs to"),
        (False, {"mcs": 3}, "mcs belongs to"),
        (False, {"outer_loop": True}, "outer_loop corrects"),
        (True, {"rates": "mcs1", "outer_loop": True, "mcs": 3}, "outer_loop corrects"),
    ],
)
def test_knobs_that_do_not_belong_together_are_refused(coded: bool, knobs: dict[str, object], said: str) -> None:
    coding = Adaptation("mcs1", 12_000) if coded else None
    with pytest.raises(ValueError, match=said):
        Radio(coding, **knobs)
    assert Radio(Adaptation("mcs1", 12_000), rates="mcs1", outer_loop=True).sender.outer_loop
    assert Radio(Adaptation("mcs1", 12_000, fixed=3), rates="mcs1", mcs=3).sender.coding.fixed == 3


VALUES = Field("values", (64, 10), 32, "values", analog=True)
LABELS = Field("labels", (64,), 4, "labels")


def test_reliable_sends_every_bit() -> None:
    airtime = Reliable(Radio(bandwidth_hz=1e6, max_bits_per_symbol=2.0)).plan(
        Manifest((VALUES, LABELS)), 0.0, fading_of(Ideal())
    )
    assert airtime.seconds == pytest.approx((640 * 32 + 256) / 2e6)
    assert airtime.draws is None


def test_analog_takes_half_a_symbol_a_value_and_sends_the_rest_digitally() -> None:
    radio = Radio(bandwidth_hz=1e6, max_bits_per_symbol=2.0)
    airtime = Analog(radio).plan(Manifest((VALUES, LABELS)), 0.0, fading_of(AWGN(snr_db=40.0)))
    digital_symbols = (256 + 32) // 2  # labels and the 32-bit power scale at the cap of 2 bits per symbol
    assert airtime.symbols == 320 + digital_symbols
    assert airtime.seconds == pytest.approx((320 + digital_symbols) / 1e6)
    assert airtime.overhead_bits == 32
    assert airtime.draws is not None
    assert airtime.draws.seconds.sum() == pytest.approx(320e-6)


def test_analog_values_see_the_blocks_of_their_own_time() -> None:
    channel = Rayleigh(snr_db=10.0, coherence_s=1e-4)
    airtime = Analog(Radio(bandwidth_hz=1e6)).plan(Manifest((VALUES,)), 0.35e-4, fading_of(channel))
    begin = 0.35e-4 + airtime.seconds - 320e-6
    assert airtime.draws is not None
    expected = channel.draws(begin, len(airtime.draws.gain), key=1)
    assert np.array_equal(airtime.draws.gain, expected.gain)


def test_a_message_without_values_is_digital_on_an_analog_link() -> None:
    airtime = Analog(Radio(max_bits_per_symbol=1.0)).plan(Manifest((LABELS,)), 0.0, fading_of(Ideal()))
    assert airtime.overhead_bits == 0
    assert airtime.seconds == pytest.approx(256e-6)


def test_a_start_a_hair_before_a_block_ends_asks_for_few_blocks() -> None:
    asked: list[int] = []
    channel = Rayleigh(snr_db=10.0, coherence_s=0.01)

    def fading(start: float, blocks: int) -> Draws:
        asked.append(blocks)
        return channel.draws(start, blocks, 1)

    many = Field("values", (200_000,), 32, "values", analog=True)  # 0.1 s at 1 MHz: 11 blocks
    airtime = Analog(Radio(bandwidth_hz=1e6)).plan(Manifest((many,)), 0.01 - 1e-9, fading)
    assert max(asked) < 20
    assert airtime.draws is not None
    assert airtime.draws.seconds.sum() == pytest.approx(0.1)


def flat_rayleigh(mean_snr: float, blocks: int, seed: int = 1):
    gain = np.random.default_rng(seed).exponential(size=blocks)
    return lambda start, asked: Draws(gain[:asked], mean_snr * gain[:asked], np.full(min(asked, blocks), 1e-3))


LONG = Manifest((Field("values", (4_000_000,), 32, "values", analog=True),))  # 2 s at 1 MHz: 2000 blocks of 1 ms


def test_an_estimate_from_pilots_leaves_what_theory_says() -> None:
    """Over Rayleigh fading E|h'|^2 = 1 - e with e = 1/(1 + N m), so the mean SNR left is m (1 - e)/(1 + m e) (phy.md 11.5)."""
    mean, pilots = 10.0, 4
    airtime = Analog(Radio(bandwidth_hz=1e6), pilots=pilots).plan(LONG, 0.0, flat_rayleigh(mean, 3000), Chance(3))
    assert airtime.draws is not None
    blocks = len(airtime.draws.snr)
    error = 1 / (1 + pilots * mean)
    expected = mean * (1 - error) / (1 + mean * error)
    assert abs(airtime.draws.snr.mean() - expected) <= 4.5 * expected / math.sqrt(blocks)
    assert (
        airtime.symbols == Analog(Radio(bandwidth_hz=1e6)).plan(LONG, 0.0, flat_rayleigh(mean, 3000)).symbols + pilots * blocks
    )


def test_an_outdated_estimate_leaves_what_theory_says() -> None:
    """e = 1 - r^2; at infinite SNR (1 - e)/e of the power is left on average, whatever is paid."""
    r = 0.9
    airtime = Analog(Radio(bandwidth_hz=1e6), csi_correlation=r).plan(LONG, 0.0, flat_rayleigh(1e12, 3000), Chance(3))
    assert airtime.draws is not None
    expected = r**2 / (1 - r**2)
    assert abs(airtime.draws.snr.mean() - expected) <= 4.5 * expected / math.sqrt(len(airtime.draws.snr))


def test_truncated_inversion_evens_the_snr_out_and_silences_deep_fades() -> None:
    """SNR m / E1(t) where g >= t; silent in a share 1 - e^-t of the blocks (phy.md 11.6)."""
    from scipy.special import exp1

    from channels.inversion import inversion_power
    from channels.laws import rayleigh_cdf

    threshold, mean = 0.1, 100.0
    chance = Chance(3, inversion=lambda t: inversion_power(rayleigh_cdf, t))
    airtime = Analog(Radio(bandwidth_hz=1e6), inversion_db=-10.0).plan(LONG, 0.0, flat_rayleigh(mean, 3000), chance)
    assert airtime.draws is not None
    snr = airtime.draws.snr
    assert snr[snr > 0.0] == pytest.approx(mean / exp1(threshold), rel=1e-6)
    silent = -math.expm1(-threshold)
    assert abs((snr == 0.0).mean() - silent) <= 4.5 * math.sqrt(silent * (1 - silent) / len(snr))
    with pytest.raises(RunError, match="law is known"):
        Analog(Radio(), inversion_db=0.0).plan(Manifest((VALUES,)), 0.0, fading_of(AWGN(snr_db=0.0)))


def test_two_transfers_as_one_add_up() -> None:
    """The harm and the SNR are the second's; where it carries nothing, the first stands as it is."""
    first = Airtime(1.0, 10, 100, 3.0, 4, retransmissions=2, lost_packets=1, corrupted_values=7)
    harm = {"values": np.ones(2, dtype=bool)}
    later = Airtime(
        2.0, 20, 200, 9.0, 8, retransmissions=5, lost_packets=3, bursts=((1.5, 0.5),), erased=harm, corrupted_values=2
    )
    both = first.then(later)
    assert (both.seconds, both.overhead_bits, both.symbols, both.snr_db) == (3.0, 30, 300, 9.0)
    assert (both.packets, both.retransmissions, both.lost_packets) == (12, 7, 4)
    assert both.bursts == ((1.0, 0.0), (1.5, 0.5))
    assert (both.harm, both.corrupted_values) == (harm, 2)
    assert first.then(Airtime(0.0, 0, 0, math.inf, 0)) is first
    assert first.then(first).bursts == ()


@pytest.mark.parametrize(
    ("snrs", "seconds", "level_db"),
    [
        ([10.0, 1000.0], 1.5, 10 * math.log10((10.0 + 500.0) / 1.5)),
        ([100.0], 9.0, 20.0),
        ([0.0, 0.0], 2.0, -math.inf),
        ([0.0], 1, -math.inf),
    ],
)
def test_the_mean_snr_is_that_of_the_time_on_air(snrs: list[float], seconds: float, level_db: float) -> None:
    """Linear, over a second of each block, as far as the transfer goes; nothing at all is -inf dB."""
    found = mean_snr_db(Draws(np.array(snrs), np.array(snrs), np.ones(len(snrs))), seconds)
    assert found == pytest.approx(level_db)
