"""Packets against closed forms: ARQ, outage, burst losses, late knowledge, what combining gains."""

import math

import numpy as np
import pytest

from channels import AWGN, Ideal, Nakagami, Rayleigh, Rician
from channels.bit_error_rates import bit_errors
from edgesim.errors import RunError
from edgesim.sim.coding import Choice
from edgesim.sim.packets import Chance, Repeat, deliver
from edgesim.sim.radio import Radio
from edgesim.sim.transports.analog import Analog
from edgesim.sim.transports.bits import Bits
from edgesim.sim.transports.lossy import Lossy
from edgesim.sim.transports.reliable import Reliable
from edgesim.wire import Field, Manifest

SIGMA = 4.5  # two-sided false alarm 7e-6


def fading_of(channel, key: int = 1):
    return lambda start, blocks: channel.draws(start, blocks, key)


def erasing(share: float, key: int = 5) -> Chance:
    """Each packet lost with the same probability, a function of the instant."""

    def losses(start: float, packets: int, packet_s: float) -> np.ndarray:
        return Chance(key).uniform(start, packets, purpose=9) < share

    return Chance(key, losses)


class Coin:
    """A code of two bits a symbol that fails with a fixed probability at each attempt, or less after combining."""

    def __init__(self, share: float) -> None:
        self.share = share

    def choose(self, snr: np.ndarray, margin_db: float = 0.0) -> Choice:
        return Choice(np.zeros(snr.shape, dtype=np.int64), np.full(snr.shape, 2.0))

    def pick(self, snr_db: float) -> tuple[int, float]:
        return 0, 2.0

    def information(self, scheme: np.ndarray, snr: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.log2(1.0 + snr), np.ones_like(snr)

    def told(self, scheme: int, snr: float) -> tuple[float, float]:
        return math.log2(1.0 + snr), 1.0

    def failure(self, scheme, bits, symbols, information, variance) -> np.ndarray:
        return np.full(len(bits), self.share)

    def risk(self, scheme, bits, symbols, information, variance) -> float:
        return self.share


SIZES = np.full(4000, 1000, dtype=np.int64)


def test_arq_attempts_and_residual_loss() -> None:
    """E attempts = (1 - p^M)/(1 - p), residual loss p^M (phy.md 7); each over 4000 packets within 4.5 sigma."""
    p, most = 0.3, 3
    radio = Radio(Coin(p), rates="mcs1")
    done = deliver(SIZES, 1.25, fading_of(Ideal()), radio.sender, Chance(3), Repeat(attempts=most))
    count = len(SIZES)
    residual = p**most
    assert abs(len(done.lost) / count - residual) <= SIGMA * math.sqrt(residual * (1 - residual) / count)
    expected = (1 - p**most) / (1 - p)
    spread = math.sqrt(sum(k * k * p ** (k - 1) * (1 - p if k < most else 1) for k in (1, 2, 3)) - expected**2)
    assert abs(done.sent / count - expected) <= SIGMA * spread / math.sqrt(count)
    assert done.sent_bits == 1000 * done.sent


def test_reliable_sends_until_everything_is_there() -> None:
    """Attempts are geometric: mean 1/(1 - p), standard deviation sqrt(p)/(1 - p)."""
    p, count = 0.4, 4000
    radio = Radio(bandwidth_hz=1e6, max_bits_per_symbol=2.0, packet_bits=1000)
    manifest = Manifest((Field("values", (count, 1000), 1, "values"),))
    airtime = Reliable(radio).plan(manifest, 0.0, fading_of(Ideal()), erasing(p))
    assert airtime.lost_packets == 0
    sent = (airtime.packets + airtime.retransmissions) / count
    assert abs(sent - 1 / (1 - p)) <= SIGMA * math.sqrt(p) / (1 - p) / math.sqrt(count)
    assert airtime.overhead_bits == 1000 * airtime.retransmissions
    assert airtime.seconds == pytest.approx((airtime.packets + airtime.retransmissions) * 1000 / 2e6, rel=1e-9)


@pytest.mark.parametrize(
    "kind",
    [Rayleigh, lambda **knobs: Rician(k_db=6.0, **knobs), lambda **knobs: Nakagami(m=2.5, **knobs)],
    ids=["rayleigh", "rician", "nakagami"],
)
@pytest.mark.parametrize("rate", [1.0, 2.0])
def test_a_fixed_rate_is_in_outage_as_often_as_theory_says(kind, rate: float) -> None:
    """P = F((2^R - 1)/snr) (phy.md 6.5), one packet a coherence block: 4000 independent packets."""
    channel = kind(snr_db=8.0, coherence_s=1000 / (rate * 1e6))
    radio = Radio(bandwidth_hz=1e6, bits_per_symbol=rate)
    done = deliver(SIZES, 0.0, fading_of(channel), radio.sender, Chance(), Repeat())
    expected = channel.outage_probability(rate)
    assert expected == pytest.approx(float(channel.cdf((2.0**rate - 1.0) / 10.0**0.8)), rel=1e-9)
    assert abs(len(done.lost) / 4000 - expected) <= SIGMA * math.sqrt(expected * (1 - expected) / 4000)


def test_what_is_sent_again_meets_the_channel_as_it_is_then() -> None:
    """A round trip of many coherence blocks: the second attempt is independent, the residual loss p^2. With none, a packet
    of a long fade fails again."""
    rate, snr = 2.0, 10.0
    radio = Radio(bandwidth_hz=1e6, bits_per_symbol=rate)
    p = -math.expm1(-(2**rate - 1) / snr)
    sizes = SIZES[:1]
    long = Rayleigh(snr_db=10.0, coherence_s=0.1)
    count = 2000
    for round_trip_s, expected in ((1.0, p * p), (1e-4, p)):
        lost = sum(
            len(deliver(sizes, 7.0 * k, fading_of(long), radio.sender, Chance(), Repeat(2, round_trip_s=round_trip_s)).lost)
            for k in range(count)
        )
        # p for the short round trip, but for packets within 0.6 ms of a block's end: below 1 %
        assert abs(lost / count - expected) <= SIGMA * math.sqrt(expected * (1 - expected) / count) + 0.01 * p


def test_late_knowledge_loses_packets_and_fresh_knowledge_none() -> None:
    channel = Rayleigh(snr_db=15.0, coherence_s=0.01)  # 20 packets a block
    fresh = Radio(bandwidth_hz=1e6, csi_delay_s=1e-9)
    late = Radio(bandwidth_hz=1e6, csi_delay_s=0.02)
    few = deliver(SIZES, 3.0, fading_of(channel), fresh.sender, Chance(), Repeat())
    many = deliver(SIZES, 3.0, fading_of(channel), late.sender, Chance(), Repeat())
    # two independent gains: the later is the smaller one in half of the cases; more symbols are spent where the rate was low
    assert len(few.lost) / 4000 < 0.1
    assert 0.3 < len(many.lost) / 4000 < 0.7


def test_chase_and_incremental_redundancy_need_what_theory_says() -> None:
    """Of n attempts at 0 dB and 1.9 bit a symbol: n log2(1 + 1) >= 1.9 from n = 2 on (ir), log2(1 + n) >= 1.9 from 3 on."""
    radio = Radio(bandwidth_hz=1e6, bits_per_symbol=1.9)
    for combining, attempts in (("ir", 2), ("chase", 3)):
        done = deliver(SIZES[:7], 0.0, fading_of(AWGN(snr_db=0.0)), radio.sender, Chance(), Repeat(8, combining))
        assert len(done.lost) == 0
        assert done.sent == 7 * attempts
    never = deliver(SIZES[:7], 0.0, fading_of(AWGN(snr_db=0.0)), radio.sender, Chance(), Repeat(8, "none"))
    assert len(never.lost) == 7


def test_combining_with_one_attempt_is_none() -> None:
    channel = Rayleigh(snr_db=8.0, coherence_s=0.003)
    radio = Radio(bandwidth_hz=1e6, bits_per_symbol=2.0)
    plans = [
        deliver(SIZES, 0.5, fading_of(channel), radio.sender, Chance(2), Repeat(1, combining))
        for combining in ("none", "chase", "ir")
    ]
    assert np.array_equal(plans[0].lost, plans[1].lost)
    assert np.array_equal(plans[0].lost, plans[2].lost)
    assert 0 < len(plans[0].lost) < 4000


def test_round_trips_are_silent_and_counted() -> None:
    radio = Radio(bandwidth_hz=1e6, max_bits_per_symbol=1.0, packet_bits=1000)
    lost_once = iter([np.array([True, False, True]), np.array([False, False])])
    chance = Chance(losses=lambda start, packets, packet_s: next(lost_once))
    manifest = Manifest((Field("values", (3000,), 1, "values"),))
    airtime = Reliable(radio, round_trip_s=0.5).plan(manifest, 0.0, fading_of(Ideal()), chance)
    assert airtime.bursts == (pytest.approx((3e-3, 0.5)), pytest.approx((2e-3, 0.0)))
    assert airtime.seconds == pytest.approx(0.505)
    assert airtime.symbols == 5000
    assert (airtime.retransmissions, airtime.overhead_bits) == (2, 2000)


def test_plans_are_pure() -> None:
    channel = Rayleigh(snr_db=8.0, coherence_s=0.003)
    radio = Radio(bandwidth_hz=1e6, bits_per_symbol=2.0)
    once, again = (
        deliver(
            SIZES,
            12.75,
            fading_of(Rayleigh(snr_db=8.0, coherence_s=0.003)),
            radio.sender,
            Chance(2),
            Repeat(3, "ir", False, 1e-3),
        )
        for _ in range(2)
    )
    assert once.bursts == again.bursts
    assert np.array_equal(once.lost, again.lost)
    other = deliver(SIZES, 12.76, fading_of(channel), radio.sender, Chance(2), Repeat(3, "ir", False, 1e-3))
    assert not np.array_equal(once.lost, other.lost)


def test_ten_thousand_packets_are_planned_at_once() -> None:
    """Not a time limit, but no Python loop over packets: the channel is asked for a handful of times."""
    asked: list[int] = []
    channel = AWGN(snr_db=3.0)

    def fading(start: float, blocks: int):
        asked.append(blocks)
        return channel.draws(start, blocks, 1)

    radio = Radio(bandwidth_hz=1e6, bits_per_symbol=1.0)
    deliver(np.full(10_000, 1000), 0.0, fading, radio.sender, Chance(), Repeat())
    assert len(asked) <= 2


def test_a_link_that_never_delivers_says_so() -> None:
    radio = Radio(bandwidth_hz=1e6, bits_per_symbol=4.0)
    with pytest.raises(RunError, match=r"10000 times on end, within 0\.8 s .* give the transport a round_trip_s"):
        Reliable(radio).plan(Manifest((Field("values", (10,), 32, "values"),)), 0.0, fading_of(AWGN(snr_db=-10.0)), Chance())


@pytest.mark.parametrize("round_trip_s", [0.0, 3e-4])
def test_attempts_take_their_airtime_until_a_fade_is_over(round_trip_s: float) -> None:
    """8 us each, at once or after a round trip: all fail in blocks below 2^2 - 1, and the first in a better one arrives."""
    channel = Rayleigh(snr_db=3.0, coherence_s=5e-3)
    radio = Radio(bandwidth_hz=10e6, bits_per_symbol=2.0)
    draws, repeat = channel.draws(0.0, 40, 1), Repeat(4, for_ever=True, round_trip_s=round_trip_s)
    fades = np.flatnonzero((draws.snr[:-1] < 3.0) & (draws.snr[1:] >= 3.0))  # the last block of each
    assert len(fades) >= 5
    for fade in fades.tolist():
        start, over = 5e-3 * fade + 1e-3, 5e-3 * (fade + 1)
        sent = deliver(np.array([160]), start, fading_of(channel), radio.sender, Chance(), repeat)
        attempts = math.ceil((over - start) / (8e-6 + round_trip_s)) + 1
        assert abs(sent.sent - attempts) <= 1  # what straddles the boundary may be told enough
        assert sent.seconds == pytest.approx(sent.sent * 8e-6 + (sent.sent - 1) * round_trip_s)
        assert over < start + sent.seconds < over + 2.0 * (8e-6 + round_trip_s)


VALUES = Field("values", (40, 100), 32, "values", analog=True)
LABELS = Field("labels", (40,), 4, "labels")


def test_lossy_protects_labels_and_says_which_values_are_missing() -> None:
    radio = Radio(bandwidth_hz=1e6, max_bits_per_symbol=1.0, packet_bits=320, header_bits=32)
    calls = []

    def losses(start: float, packets: int, packet_s: float) -> np.ndarray:
        calls.append(packets)
        lost = np.zeros(packets, dtype=bool)
        if packets == 400:
            lost[[0, 7, 399]] = True
        return lost

    airtime = Lossy(radio).plan(Manifest((VALUES, LABELS)), 0.0, fading_of(Ideal()), Chance(losses=losses))
    assert calls == [1, 400]
    assert airtime.erased is not None
    assert set(airtime.erased) == {"values"}
    assert np.flatnonzero(airtime.erased["values"]).tolist() == [*range(10), *range(70, 80), *range(3990, 4000)]
    assert (airtime.lost_packets, airtime.corrupted_values, airtime.packets, airtime.protected_packets) == (3, 30, 401, 1)
    assert airtime.seconds == pytest.approx((160 + 32 + 400 * 352) / 1e6)


def test_a_value_across_two_packets_is_missing_with_either() -> None:
    radio = Radio(bandwidth_hz=1e6, max_bits_per_symbol=1.0, packet_bits=48)
    three = Field("values", (3,), 32, "values")
    for packet, missing in ((0, [True, True, False]), (1, [False, True, True])):
        chance = Chance(losses=lambda start, packets, packet_s, packet=packet: np.arange(packets) == packet)
        airtime = Lossy(radio).plan(Manifest((three,)), 0.0, fading_of(Ideal()), chance)
        assert airtime.erased is not None
        assert airtime.erased["values"].tolist() == missing


def test_what_is_sent_until_it_arrives_is_protected() -> None:
    """In packets of 1000 bits the 160 of labels are one packet, the 128 000 of values 128."""
    radio = Radio(None, bit_errors, bandwidth_hz=1e6, max_bits_per_symbol=1.0, packet_bits=1000)
    message, sky = Manifest((VALUES, LABELS)), (0.0, fading_of(Ideal()))
    for chance in (Chance(), Chance(losses=lambda start, packets, packet_s: np.zeros(packets, dtype=bool))):
        for transport, packets in ((Reliable(radio), (129, 129)), (Lossy(radio), (129, 1)), (Analog(radio), (1, 1))):
            airtime = transport.plan(message, *sky, chance)
            assert (airtime.packets, airtime.protected_packets) == packets
        bare = Lossy(radio, protect_side=False).plan(message, *sky, chance)
        assert (bare.packets, bare.protected_packets) == (129, 0)
    airtime = Bits(radio, guard="off").plan(message, *sky)
    assert (airtime.packets, airtime.protected_packets) == (129, 1)


def test_unprotected_side_information_may_be_lost() -> None:
    radio = Radio(bandwidth_hz=1e6, max_bits_per_symbol=1.0, packet_bits=1_000_000)
    chance = Chance(losses=lambda start, packets, packet_s: np.ones(packets, dtype=bool))
    airtime = Lossy(radio, protect_side=False).plan(Manifest((VALUES, LABELS)), 0.0, fading_of(Ideal()), chance)
    assert airtime.erased is not None
    assert airtime.erased["labels"].all()
    assert airtime.corrupted_values == 4000
