"""Repeats on air against closed forms: wrong feedback, whole slots, what several attempts tell together (phy.md 7)."""

import math

import numpy as np
import pytest

from channels import AWGN, Rayleigh, harq, mcs
from channels.adaptation import Adaptation
from channels.base import Draws
from edgesim.sim.account import Account
from edgesim.sim.bursts import Burst, repeated, whole_slots
from edgesim.sim.combining import Memory, Steps, Told
from edgesim.sim.device import Device
from edgesim.sim.framing import carry
from edgesim.sim.ledger import Ledger
from edgesim.sim.link import Link
from edgesim.sim.lone import deliver_one
from edgesim.sim.packets import Chance, Repeat, deliver
from edgesim.sim.radio import Radio
from edgesim.sim.track import Track
from edgesim.sim.transports.bits import Bits
from edgesim.sim.transports.reliable import Reliable
from edgesim.wire import Field, Manifest

SIGMA = 4.5
SIZES = np.full(4000, 1000, dtype=np.int64)
FIXED = Radio(bandwidth_hz=1e6, bits_per_symbol=2.0)


def fading_of(channel, key: int = 1):
    return lambda start, blocks: channel.draws(start, blocks, key)


def erasing(share: float, key: int = 5) -> Chance:
    """Each packet lost with the same probability, a function of the instant."""
    return Chance(key, lambda start, packets, _packet_s: Chance(key).uniform(start, packets, purpose=9) < share)


def moments(loss: float, most: int, wrong: float) -> tuple[float, float]:
    """Mean and standard deviation of a packet's attempts, from P(N >= l) summed over the chain missing -> there -> done."""
    missing, there, mean, square = 1.0, 0.0, 0.0, 0.0
    for number in range(1, most + 1):
        mean, square = mean + missing + there, square + (2 * number - 1) * (missing + there)
        missing, there = missing * loss * (1 - wrong), missing * (1 - loss) * wrong + there * wrong
    return mean, math.sqrt(square - mean**2)


@pytest.mark.parametrize(("loss", "most", "wrong"), [(0.3, 4, 0.1), (0.6, 3, 0.02), (0.1, 5, 0.4), (0.3, 1, 0.2)])
def test_wrong_feedback_loses_and_repeats_as_often_as_theory_says(loss: float, most: int, wrong: float) -> None:
    repeat = Repeat(most, feedback_error=wrong)
    done = deliver(SIZES, 1.25, fading_of(AWGN(snr_db=20.0)), FIXED.sender, erasing(loss), repeat)
    residual = harq.residual_loss(loss, most, wrong)
    assert abs(len(done.lost) / 4000 - residual) <= SIGMA * math.sqrt(residual * (1 - residual) / 4000)
    mean, spread = moments(loss, most, wrong)
    assert harq.mean_attempts(loss, most, wrong) == pytest.approx(mean, rel=1e-12)
    assert abs(done.sent / 4000 - mean) <= SIGMA * spread / math.sqrt(4000)


def test_wrong_feedback_in_closed_form() -> None:
    """A packet that is lost once in two and whose NACK is heard as ACK once in four, twice at most: 1/8 + 3/8 * 1/2."""
    assert harq.residual_loss(0.5, 2, 0.25) == pytest.approx(0.5 * 0.25 + 0.5 * 0.75 * 0.5)
    assert harq.mean_attempts(0.5, 2, 0.25) == pytest.approx(1.0 + 0.5 * 0.75 + 0.5 * 0.25)
    for wrong in (0.0, 0.2):  # without a bound: the limit of many attempts
        assert harq.mean_attempts(0.5, math.inf, wrong) == pytest.approx(harq.mean_attempts(0.5, 400, wrong))
    assert harq.residual_loss(0.3, 3, 0.0) == pytest.approx(0.3**3)


def test_reliable_delivers_in_spite_of_wrong_feedback() -> None:
    """Until it arrives a packet needs 1/(1 - p) attempts, then f/(1 - f) more until its ACK is heard."""
    loss, wrong = 0.3, 0.2
    radio = Radio(bandwidth_hz=1e6, bits_per_symbol=2.0, packet_bits=1000)
    manifest = Manifest((Field("values", (4000, 1000), 1, "values"),))
    airtime = Reliable(radio, feedback_error=wrong).plan(manifest, 0.5, fading_of(AWGN(snr_db=20.0)), erasing(loss))
    assert airtime.lost_packets == 0
    expected = 1 / (1 - loss) + wrong / (1 - wrong)
    spread = math.sqrt(loss / (1 - loss) ** 2 + wrong / (1 - wrong) ** 2)
    assert abs((4000 + airtime.retransmissions) / 4000 - expected) <= SIGMA * spread / math.sqrt(4000)


@pytest.mark.parametrize("combining", ["none", "chase", "ir"])
def test_wrong_feedback_of_combined_attempts(combining: str) -> None:
    """A scheme that gets through at the second attempt, or with `none` never: an ACK for the first NACK loses the packet."""
    radio = Radio(bandwidth_hz=1e6, bits_per_symbol=1.9 if combining == "ir" else 1.5)
    repeat = Repeat(2, combining, feedback_error=0.25)
    done = deliver(SIZES, 0.0, fading_of(AWGN(snr_db=0.0)), radio.sender, Chance(3), repeat)
    lost = 1.0 if combining == "none" else 0.25
    assert abs(len(done.lost) / 4000 - lost) <= SIGMA * math.sqrt(0.25 * 0.75 / 4000)
    assert abs(done.sent / 4000 - 1.75) <= SIGMA * math.sqrt(0.25 * 0.75 / 4000)


@pytest.mark.parametrize("slot_s", [5e-4, 1e-3, 0.0123])
def test_bursts_occupy_whole_slots(slot_s: float) -> None:
    """T = slot ceil(T / slot) for every burst; what follows is sent later by as much (phy.md 7)."""
    lost_once = iter([np.arange(7) < 3, np.zeros(3, dtype=bool)])
    radio = Radio(bandwidth_hz=1e6, bits_per_symbol=2.0, packet_bits=1000, slot_s=slot_s)
    chance = Chance(losses=lambda _start, _packets, _seconds: next(lost_once))
    airtime, _ = carry(radio, 7000, 0.25, fading_of(AWGN(snr_db=20.0)), chance, Repeat(4, round_trip_s=0.01))
    expected = [slot_s * math.ceil(round(seconds / slot_s, 9)) for seconds in (3.5e-3, 1.5e-3)]
    assert [on for on, _off in airtime.bursts] == pytest.approx(expected, rel=1e-12)
    assert airtime.seconds == pytest.approx(sum(expected) + 0.01, rel=1e-12)
    assert airtime.symbols == math.ceil(round(sum(expected) * 1e6, 6))


@pytest.mark.parametrize("knobs", [{}, {"bits_per_symbol": 1.0}])
def test_one_transmission_in_whole_slots(knobs: dict) -> None:
    """Followed rates and single packets alike: 3001 bits at 1 bit a symbol last 3.001 ms, that is 7 slots of half a ms."""
    radio = Radio(bandwidth_hz=1e6, max_bits_per_symbol=1.0, slot_s=5e-4, **knobs)
    airtime, _ = carry(radio, 3001, 0.0, fading_of(AWGN(snr_db=30.0)), Chance(), Repeat())
    assert airtime.seconds == pytest.approx(3.5e-3, rel=1e-12)
    assert airtime.symbols == 3500
    manifest = Manifest((Field("values", (3001,), 1, "values"),))
    uncoded = Bits(Radio(None, lambda order, snr: np.zeros((order, len(snr))), slot_s=5e-4), modulation="bpsk")
    assert uncoded.plan(manifest, 0.0, fading_of(AWGN(snr_db=30.0)), Chance()).seconds == pytest.approx(3.5e-3, rel=1e-12)


def test_a_burst_of_exactly_some_slots_takes_no_more() -> None:
    for slots in range(1, 2000):
        assert whole_slots(slots * 1e-3, 1e-3) == pytest.approx(slots * 1e-3, rel=1e-12)
        assert whole_slots(math.fsum([1e-3 / 3] * 3 * slots), 1e-3) == pytest.approx(slots * 1e-3, rel=1e-12)


class Stairs:
    """A channel whose SNR alternates between two values, half of a packet each."""

    def __init__(self, low: float, high: float, half_s: float) -> None:
        self.pair, self.half_s = (low, high), half_s

    def draws(self, start_s: float, blocks: int, _key: int) -> Draws:
        first = round(start_s / self.half_s)
        assert start_s == pytest.approx(first * self.half_s, abs=1e-9)
        snr = np.array([self.pair[(first + k) % 2] for k in range(blocks)])
        return Draws(snr, snr, np.full(blocks, self.half_s))


def test_chase_adds_the_snr_of_each_symbol_not_the_mean_of_each_attempt() -> None:
    """Half of the symbols at SNR 0, half at 8, at every attempt: (1/2) log2(1 + 8 L) >= 2.5 from L = 4 on. By mean SNRs,
    log2(1 + 4 L) >= 2.5 would hold from L = 2 on."""
    packet = 1000
    radio = Radio(bandwidth_hz=1e6, bits_per_symbol=2.5, packet_bits=packet)
    half_s = packet / 2.5 / 1e6 / 2
    done = deliver(np.array([packet]), 0.0, fading_of(Stairs(0.0, 8.0, half_s)), radio.sender, Chance(), Repeat(8, "chase"))
    assert done.sent == 4
    assert len(done.lost) == 0


PACKET, SCHEME = 4000, 10
SIZE = PACKET + 24.0  # with its checksum
CODING = Adaptation("mcs1", PACKET, fixed=SCHEME)
EDGE_DB = float(CODING.thresholds_db[SCHEME]) + 0.01  # one packet in ten fails
SYMBOLS = PACKET / float(mcs.TABLES["mcs1"].efficiency[SCHEME])


@pytest.mark.parametrize("combining", ["chase", "ir"])
def test_attempts_on_air_fail_as_the_closed_forms_say(combining: str) -> None:
    """Three attempts at constant but different SNRs: eps(1..3) of `channels.harq`, for packets at any place of the burst."""
    levels = 10.0 ** ((float(CODING.thresholds_db[SCHEME]) + np.array([-4.0, -6.0, -5.0])) / 10.0)
    closed = (
        harq.chase(4, levels, SYMBOLS, SIZE)
        if combining == "chase"
        else harq.incremental(4, levels, np.full(3, SYMBOLS), SIZE, mother_rate=1 / 3)
    )
    kind = Steps if combining == "chase" else Told
    burst: Burst = repeated(np.full(5, SCHEME), np.full(5, SYMBOLS), 2.0, 1e6)
    everything, heard = np.ones(5, dtype=bool), None
    for attempt, snr in enumerate(levels):
        track = Track(fading_of(AWGN(snr_db=10 * math.log10(snr))), 2.0)
        new = kind.of(burst, everything, track, CODING)
        heard = new if heard is None else heard.and_then(new)
        failing = heard.failure(burst.scheme, np.full(5, PACKET), CODING)
        assert failing == pytest.approx(closed[attempt], rel=1e-6, abs=1e-300)
    assert closed[0] > 0.99
    assert closed[2] < 0.5


@pytest.mark.parametrize("combining", ["chase", "ir"])
def test_memory_of_some_packets_is_that_of_the_packets(combining: str) -> None:
    """Packets that drop out, and attempts lost in the air, change nothing for the others."""
    channel = fading_of(Rayleigh(snr_db=8.0, coherence_s=7e-4))
    rows = np.array([1, 3, 4])
    luck = np.full(5, 0.5)

    def after(kept: np.ndarray, again: np.ndarray) -> np.ndarray:
        memory = Memory(np.full(5, PACKET), luck, CODING, combining)
        first = repeated(np.full(5, SCHEME), np.full(5, SYMBOLS), 1.0, 1e6)
        memory.fails(first, np.array([True, True, True, False, True]), Track(channel, 1.0))
        memory = memory.kept(kept)
        second = repeated(np.full(5, SCHEME), np.full(5, SYMBOLS), 3.0, 1e6).rows(again)
        memory.fails(second, np.ones(len(kept), dtype=bool), Track(channel, 3.0))
        return memory._heard.failure(second.scheme, np.full(len(kept), PACKET), CODING)

    every = after(np.arange(5), np.arange(5))
    assert after(rows, rows) == pytest.approx(every[rows], rel=1e-9)
    # of packet 3 only the second attempt arrived
    alone = Told.of(
        repeated(np.full(5, SCHEME), np.full(5, SYMBOLS), 3.0, 1e6), np.ones(5, dtype=bool), Track(channel, 3.0), CODING
    )
    single = alone.failure(np.full(5, SCHEME), np.full(5, PACKET), CODING)[3]
    assert every[3] == pytest.approx(single, rel=1e-9)


@pytest.mark.parametrize(
    "repeat", [Repeat(1), Repeat(3, round_trip_s=1e-3), Repeat(2, for_ever=True), Repeat(3, "chase")], ids=str
)
@pytest.mark.parametrize("slot_s", [0.0, 5e-4])
@pytest.mark.parametrize("coherence_s", [math.inf, 0.02, 1e-3, 1e-4])
def test_one_packet_without_arrays_is_the_same(coherence_s: float, slot_s: float, repeat: Repeat) -> None:
    """Where the short way answers it answers as the long one, also across blocks; mostly it does, over AWGN with ARQ always."""
    static = coherence_s == math.inf
    channel = AWGN(snr_db=EDGE_DB) if static else Rayleigh(snr_db=12.0, coherence_s=coherence_s)
    radio = Radio(Adaptation("mcs1", PACKET), bandwidth_hz=1e6, rates="mcs1", packet_bits=PACKET, slot_s=slot_s)
    answered = repeated_ones = 0
    for instant in (np.arange(60) * 0.37).tolist():
        args = (fading_of(channel), radio.sender, Chance(7), repeat)
        short, long = deliver_one(PACKET, instant, *args), deliver(np.array([PACKET]), instant, *args)
        if short is not None:
            answered += 1
            repeated_ones += long.sent > 1
            assert (short.sent, short.sent_bits, list(short.lost)) == (long.sent, long.sent_bits, list(long.lost))
            assert np.array(short.bursts) == pytest.approx(np.array(long.bursts), rel=1e-9)
            assert short.snr_db == pytest.approx(long.snr_db, abs=1e-6)
    assert answered >= (60 if static and repeat.combining == "none" else 15)
    assert repeated_ones or not static or repeat.attempts == 1 or repeat.combining != "none"


def test_single_numbers_of_chance_are_uniform_and_pure() -> None:
    """Kolmogorov-Smirnov over consecutive instants, correlation of neighbours, and of other links and purposes."""
    chance = Chance(123456789)
    drawn = np.array([chance.number(0.1 * k) for k in range(20_000)])
    assert np.array_equal(drawn[:50], [chance.uniform(0.1 * k, 1)[0] for k in range(50)])
    distance = np.abs(np.sort(drawn) - (np.arange(20_000) + 0.5) / 20_000).max()
    assert distance * math.sqrt(20_000) < 2.6  # P(K > 2.6) = 2 exp(-2 * 2.6^2) = 3e-6
    assert abs(np.corrcoef(drawn[1:], drawn[:-1])[0, 1]) < SIGMA / math.sqrt(20_000)
    others = np.array([Chance(key).number(1.0, purpose) for key in range(200) for purpose in range(50)])
    assert len(np.unique(others)) == 10_000
    assert abs(others.mean() - 0.5) < SIGMA * math.sqrt(1 / 12 / 10_000)


def test_transmitting_is_charged_for_the_airtime_of_all_attempts_in_whole_slots() -> None:
    """A link loses 2 packets of 8, then 1 of 2: bursts of 4, 1 and 0.5 ms in slots of 1 ms; energy = watts x seconds."""
    ledger = Ledger()
    watts = {"rate_flops": 1e9, "idle_w": 1.0, "active_w": 2.0, "radio_idle_w": 0.5}
    client, server = (Device(name, ledger, **watts, tx_w=3.0, rx_w=1.5) for name in ("client0", "server"))
    lost = iter([np.arange(8) < 2, np.array([True, False]), np.array([False])])
    chance = Chance(losses=lambda _start, _packets, _seconds: next(lost))
    radio = Radio(bandwidth_hz=1e6, bits_per_symbol=2.0, packet_bits=1000, slot_s=1e-3)
    transport = Reliable(radio, round_trip_s=0.01)
    link = Link(ledger, "up", client, server, transport, fading_of(AWGN(snr_db=20.0)), chance=chance)
    transfers = []
    ledger.listen(None, transfers.append)
    ledger.env.process(link.send("smashed", Manifest((Field("values", (8, 1000), 1, "values"),)), Account(0)))
    ledger.env.run(until=0.1)
    ledger.close()
    on = 4e-3 + 1e-3 + 1e-3
    for meter, above in ((client.meter, 2.5), (server.meter, 1.0)):
        assert meter.busy_s["tx" if meter is client.meter else "rx"] == pytest.approx(on, rel=1e-12)
        assert sum(meter.joules.values()) == pytest.approx(0.1 * 1.5 + above * on, rel=1e-12)
        assert meter.tiles(0.1)
        assert meter.adds_up(0.1)
    (transfer,) = transfers
    assert transfer.symbols == round(on * 1e6)
    assert transfer.end_s - transfer.start_s == pytest.approx(on + 2 * 0.01, rel=1e-12)
    assert (transfer.packets, transfer.retransmissions, transfer.overhead_bits) == (8, 3, 3000)
