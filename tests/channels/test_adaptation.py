"""Inner and outer loop of link adaptation (phy.md 6.5 and 15, row 15)."""

import math

import numpy as np
import pytest

from channels import coding, mcs
from channels.adaptation import Adaptation, OuterLoop, outdated

SIGMA = 4.5


def at_constant_snr(link: Adaptation, scheme: np.ndarray, snr: np.ndarray) -> np.ndarray:
    """`failure` of packets that see one SNR, in symbols of the scheme's efficiency."""
    symbols = link.packet_bits / link.schemes.efficiency[scheme]
    told = np.array([link.information(int(row), np.array([s])) for row, s in zip(scheme, snr, strict=True)])[:, :, 0]
    bits = np.full(len(scheme), link.packet_bits)
    return link.failure(scheme, bits, symbols, told[:, 0] * symbols, told[:, 1] * symbols)


@pytest.mark.parametrize(("table", "packet_bits", "target"), [("mcs1", 2000, 0.1), ("mcs2", 30_000, 0.1), ("mcs3", 640, 1e-5)])
def test_the_fastest_good_enough_scheme(table: str, packet_bits: int, target: float) -> None:
    """Against all schemes' rates: at least as fast as every one that meets the target, and it meets it itself."""
    link = Adaptation(table, packet_bits, target=target)
    snr = 10.0 ** np.random.default_rng(1).uniform(-1.3, 2.8, 150)
    choice = link.choose(snr)
    rows = np.arange(len(link.schemes.bits))
    rates = np.array([at_constant_snr(link, rows, np.full(len(rows), s)) for s in snr])  # [150, schemes]
    clear = (np.abs(np.log(np.maximum(rates, 1e-300) / target)) > 0.02).all(axis=1)  # not within 0.01 dB of a threshold
    assert clear.sum() > 100
    good = np.where(rates <= target, link.schemes.efficiency, 0.0).max(axis=1)
    np.testing.assert_allclose(choice.efficiency[clear], good[clear])
    sent = choice.efficiency > 0
    np.testing.assert_allclose(link.schemes.efficiency[choice.scheme[sent]], choice.efficiency[sent])


def test_ends_of_the_ladder() -> None:
    link = Adaptation("mcs1", 8000)
    choice = link.choose(np.array([0.0, 1e-3, math.inf]))
    assert choice.efficiency.tolist() == [0.0, 0.0, link.schemes.efficiency[28]]
    assert choice.scheme[2] == 28
    ladder = link.choose(10.0 ** np.arange(-1.0, 2.5, 0.005)).efficiency
    assert (np.diff(ladder) >= 0).all()  # although row 17 is slower than row 16


def test_a_margin_lowers_the_report() -> None:
    link = Adaptation("mcs1", 8000)
    snr = 10.0 ** np.arange(-0.5, 2.0, 0.1)
    assert np.array_equal(link.choose(snr, margin_db=3.0).scheme, link.choose(snr / 10.0**0.3).scheme)


def test_a_fixed_scheme() -> None:
    link = Adaptation("mcs1", 8000, fixed=7)
    assert link.choose(np.array([1e-3, 10.0])).scheme.tolist() == [7, 7]
    assert link.plan(-15.0).scheme == 7
    assert link.plan(-15.0).failure == 1.0


@pytest.mark.parametrize("packet_bits", [2000, 12_000, 40_000])
def test_the_table_agrees_with_the_formula(packet_bits: int) -> None:
    """0.1 dB between points; Q's argument is nearly a line there."""
    link = Adaptation("mcs2", packet_bits)
    scheme = np.repeat(np.arange(28), 20)
    snr = 10.0 ** ((link.thresholds_db[scheme] + np.tile(np.linspace(-0.4, 0.4, 20), 28)) / 10.0)
    table = link.failures(scheme, snr)
    np.testing.assert_allclose(table, at_constant_snr(link, scheme, snr), atol=2e-3)
    singly = [link.plan(10.0 * math.log10(s)) for s in snr]
    chosen = link.choose(snr)
    assert [plan.scheme for plan in singly] == np.where(chosen.efficiency > 0, chosen.scheme, -1).tolist()
    np.testing.assert_allclose(
        [p.failure for p in singly if p.scheme >= 0], link.failures(chosen.scheme, snr)[chosen.efficiency > 0]
    )


def test_a_packet_of_several_code_blocks() -> None:
    """1 - (1 - eps)^C of blocks with 24-bit checksums: 20 000 bits at rate 1/2 are three of base graph 1."""
    link = Adaptation(mcs.Schemes(np.array([2]), np.array([0.5])), 20_000)
    size, symbols, snr = (20_024 + 72) / 3, 20_000 / 3, 10.0 ** (link.thresholds_db[0] / 10.0)
    one = float(coding.block_error_rate(2, snr, symbols, size))
    assert 1.0 - (1.0 - one) ** 3 == pytest.approx(0.1, rel=0.01)
    assert link.plan(float(link.thresholds_db[0])).failure == pytest.approx(0.1, rel=1e-3)


def test_a_better_decoder_needs_less() -> None:
    thresholds = [Adaptation("mcs1", 8000, gap_db=gap).thresholds_db for gap in (0.0, 1.5)]
    np.testing.assert_allclose(thresholds[1] - thresholds[0], 1.5, atol=0.01)


def test_what_a_packet_is_told_beyond_its_mother_code_is_repetition() -> None:
    """The same symbols' worth told ten times over helps as ten copies of the whole code do, no more."""
    link = Adaptation(mcs.Schemes(np.array([2]), np.array([0.3])), 1000)
    snr = 10.0**-0.9
    mean, variance = link.information(0, np.array([snr / 2.0]))
    full = (1016 * 5) / 2.0
    twice = link.failure(np.array([0]), np.array([1000]), np.array([2 * full]), 2 * full * mean, 2 * full * variance)
    copies, spread = link.information(0, np.array([snr]))
    assert twice[0] == pytest.approx(
        float(coding.failure(full * copies, full * spread, np.array([full]), np.array([1016.0]))[0]), rel=0.05
    )


@pytest.mark.parametrize("bias_db", [-3.0, 3.0])
def test_the_outer_loop_reaches_its_target(bias_db: float) -> None:
    """20 000 packets over independent fades, reports wrong by a constant: 10 % of first transmissions fail all the same.

    The tolerance of one percentage point is 4.7 standard deviations of independent trials; the loop's are less.
    """
    link, loop = Adaptation("mcs1", 2000), OuterLoop(target=0.1)
    random = np.random.default_rng(3)
    level = 14.0 + 10.0 * np.log10(random.gamma(8.0, 1.0 / 8.0, 20_000))
    luck, margin, failed = random.random(20_000), 0.0, np.zeros(20_000, dtype=bool)
    for number, (snr_db, u) in enumerate(zip(level.tolist(), luck.tolist(), strict=True)):
        plan = link.plan(snr_db, reported_db=snr_db + bias_db - margin)
        failed[number] = u < plan.failure
        margin = loop.after(margin, bool(failed[number]))
    assert failed.mean() == pytest.approx(0.1, abs=0.01)
    assert margin == pytest.approx(bias_db, abs=2.5)


def test_the_outer_loop_stands_still_at_its_target_and_has_an_end() -> None:
    loop = OuterLoop(target=0.2, up_db=0.5)
    margin = loop.after(0.0, failed=True)
    for _ in range(4):
        margin = loop.after(margin, failed=False)
    assert margin == pytest.approx(0.0)
    assert loop.after(19.9, failed=True) == 20.0
    assert loop.after(-20.0, failed=False) == -20.0
    with pytest.raises(ValueError, match="target"):
        OuterLoop(target=1.0).after(0.0, failed=True)


def test_old_reports() -> None:
    times = np.array([0.0, 0.003, 0.01])
    np.testing.assert_allclose(outdated(lambda t: 5.0 + t, times, 0.004), [5.0, 5.0, 5.006])
    assert outdated(lambda t: t, times, 0.0).tolist() == times.tolist()
    with pytest.raises(ValueError, match="delay_s"):
        outdated(lambda t: t, times, -1.0)


def test_impossible_arguments_are_refused() -> None:
    for arguments in ({"target": 0.0}, {"target": 1.0}, {"fixed": 29}, {"fixed": -1}):
        with pytest.raises(ValueError, match=r"target|fixed"):
            Adaptation("mcs1", 8000, **arguments)
    with pytest.raises(ValueError, match="packet_bits"):
        Adaptation("mcs1", 0)
    with pytest.raises(ValueError, match=r"one of mcs1.*mcs9"):
        Adaptation("mcs9", 8000)
    link = Adaptation("mcs1", 8000)
    for snr in (-1.0, math.nan):
        with pytest.raises(ValueError, match="SNR"):
            link.choose(np.array([1.0, snr]))
        with pytest.raises(ValueError, match="SNR"):
            link.failures(np.array([3]), np.array([snr]))
    with pytest.raises(ValueError, match="number"):
        link.plan(math.nan)


@pytest.mark.parametrize("table", ["mcs1", "mcs2", "mcs3"])
def test_single_numbers_are_those_of_arrays(table: str) -> None:
    """pick, told and risk against choose, information and failure, over every scheme, size and SNR, mother code used up too."""
    link = Adaptation(table, packet_bits=9000)
    random = np.random.default_rng(3)
    snrs = np.concatenate([10.0 ** random.uniform(-3.0, 5.0, 60), [0.0, 1e-30, 1e30]])
    choice = link.choose(snrs, 1.5)
    levels_db = 10.0 * np.log10(np.maximum(snrs, 1e-300))
    assert [link.pick(level) for level in (levels_db - 1.5).tolist()] == list(
        zip(choice.scheme.tolist(), choice.efficiency.tolist(), strict=True)
    )
    for scheme in range(len(link.schemes.bits)):
        every = np.full(len(snrs), scheme)
        mean, variance = link.information(every, snrs)
        single = np.array([link.told(scheme, float(snr)) for snr in snrs])
        assert single[:, 0] == pytest.approx(mean, rel=1e-9, abs=1e-30)
        assert single[:, 1] == pytest.approx(variance, rel=1e-9, abs=1e-30)
        for bits in (100, 9000, 20_000):
            symbols = np.full(len(snrs), bits / link.schemes.efficiency[scheme]) * random.choice([1.0, 1.0, 4.0], len(snrs))
            chance = link.failure(every, np.full(len(snrs), bits), symbols, mean * symbols, variance * symbols)
            alone = [
                link.risk(scheme, bits, float(n), float(i), float(v))
                for n, i, v in zip(symbols, mean * symbols, variance * symbols, strict=True)
            ]
            assert alone == pytest.approx(chance, rel=1e-9, abs=1e-300)
