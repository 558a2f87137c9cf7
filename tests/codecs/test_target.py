"""From a target ratio to knobs: published values, three ledgers, and ratios out of reach."""

import math

import pytest

from edgesim.codecs.adc import ADC
from edgesim.codecs.base import Codec, Cut
from edgesim.codecs.bottlenet import BottleNet
from edgesim.codecs.c3sl import C3SL
from edgesim.codecs.chain import Chain
from edgesim.codecs.feedback import Feedback
from edgesim.codecs.identity import Identity
from edgesim.codecs.quantise import Quantise
from edgesim.codecs.splitfc import SplitFC
from edgesim.codecs.target import aims, ratio_of, solved, taken
from edgesim.codecs.topk import TopK
from edgesim.wire import LedgerName

TINY = Cut((197, 192), classes=100)  # DeiT-T
D, BATCH = 37_824, 128


@pytest.mark.parametrize(("xi", "T", "k"), [(0.1, 40, 62), (0.2, 57, 88), (0.5, 90, 139)])
def test_adc_by_its_own_rule_has_the_papers_clusters_and_tokens(xi: float, T: int, k: int) -> None:
    """compression.md 2.2.6, column sqrt."""
    codec = taken(ADC(TINY, xi=xi), xi, "paper", BATCH)
    assert (codec.rows(BATCH), codec.item) == (T, (k, 192))
    assert codec.aim == ("paper", xi, pytest.approx(T * k / (BATCH * 197), rel=1e-12))


@pytest.mark.parametrize("xi", [0.05, 0.1, 0.2, 0.5])
def test_adc_on_the_wire_beats_every_other_step_of_its_rule(xi: float) -> None:
    """Against every T and k that the square root gives anywhere, counted here: values up and down, labels and sizes up."""
    codec = solved(ADC(TINY, xi=xi), xi, "wire", BATCH)
    steps = {
        (max(1, math.floor(share * BATCH)), max(1, math.floor(share * 197))) for share in (j / 1e5 for j in range(1, 100_001))
    }

    def wire(T: int, k: int) -> float:
        values = T * k * 192 * 32
        up = (values + T * math.ceil(math.log2(BATCH + 1)) + BATCH * 7) / (BATCH * D * 32 + BATCH * 7)
        return (up + values / (BATCH * D * 32)) / 2.0

    best = min(abs(wire(*step) - xi) for step in steps)
    assert codec.aim is not None
    assert codec.aim.realised == pytest.approx(wire(codec.rows(BATCH), codec.item[0]), rel=1e-12)
    assert abs(codec.aim.realised - xi) == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5])
@pytest.mark.parametrize("ledger", ["paper", "code", "wire"])
def test_topk_finds_the_rate_behind_its_ratio(rate: float, ledger: LedgerName) -> None:
    """Back from compression.md 2.4's realised ratios, mean of both directions, to k = round(rate D)."""
    k = round(rate * D)
    index = min(k * 16, D) + 1
    label = math.ceil(math.log2(100))
    each = {
        "paper": (k / D * (1 + math.log2(D) / 32), k / D),
        "code": (rate * (1 + 23 / 32), rate),
        "wire": ((32 * k + index + label) / (32 * D + label), k / D),
    }[ledger]
    codec = solved(TopK(TINY, rate=None, xi=0.9), sum(each) / 2, ledger, BATCH)
    assert codec.item == (k,)


@pytest.mark.parametrize(
    ("xi", "bits"), [(0.031, 1), (0.094, 3), (0.156, 5), (0.1875, 6), (0.281, 9), (0.375, 12), (0.469, 15)]
)
def test_quantisation_has_the_bits_of_the_published_sweep(xi: float, bits: int) -> None:
    """compression.md 2.7."""
    assert solved(Quantise(TINY), xi, "paper", BATCH).manifest(1).fields[0].bits_each == bits


@pytest.mark.parametrize(("xi", "R"), [(0.031, 32), (0.0625, 16), (0.125, 8), (0.25, 4), (0.5, 2)])
@pytest.mark.parametrize("ledger", ["paper", "code", "wire"])
def test_c3sl_has_the_group_of_the_published_ratio(xi: float, R: int, ledger: LedgerName) -> None:
    """compression.md 2.6 and 5.2; labels are 3e-6 of a message."""
    assert solved(C3SL(TINY, xi=0.9), xi, ledger, BATCH).rows(BATCH) == BATCH // R


@pytest.mark.parametrize(("xi", "width"), [(0.01, 2), (0.05, 10), (0.1, 19), (0.2, 38), (0.3, 58), (0.4, 77), (0.5, 96)])
def test_bottlenet_by_its_own_rule_has_the_published_width(xi: float, width: int) -> None:
    """compression.md 2.3."""
    assert taken(BottleNet(TINY, xi=xi), xi, "paper", BATCH).item == (197, width)


def test_a_target_that_is_realised_is_realised_exactly() -> None:
    assert solved(ADC(TINY, xi=0.9), 0.2, "code", BATCH).aim == ("code", 0.2, 0.2)
    assert solved(SplitFC(TINY), 0.1, "paper", BATCH).aim == ("paper", 0.1, pytest.approx(0.1, rel=1e-3))


def test_the_whole_of_a_chain_is_aimed_at() -> None:
    adc = ADC(TINY, xi=1.0)
    chain = solved(Chain(TINY, stages=[adc, Quantise(Cut(adc.item), bits=4)]), 0.05, "paper", BATCH)
    assert chain.item[1] == 192
    share = chain.rows(BATCH) * chain.item[0] / (BATCH * 197)
    assert chain.aim is not None
    assert chain.aim.realised == pytest.approx((share / 8 + share) / 2)  # 4 of 32 bits up, floats down
    assert chain.aim.realised == pytest.approx(0.05, rel=0.02)
    assert list(aims(chain)) == [""]


def test_what_is_wrapped_is_made_to_fit() -> None:
    wrapped = solved(Feedback(TINY, codec=Quantise(TINY), decay=0.5), 0.15, "paper", BATCH)
    assert isinstance(wrapped, Feedback)
    assert wrapped.decay == 0.5
    assert ratio_of(wrapped, "paper", BATCH) == 5 / 32


def test_on_the_downlink_a_ratio_is_that_of_the_message_alone() -> None:
    gradient = Cut((40, 192))
    up = solved(TopK(gradient, rate=None, xi=0.9), 0.1, "wire", 30, answered=False)
    share = up.item[0] / gradient.features
    assert up.manifest(30).bits / (30 * gradient.features * 32) == pytest.approx(0.1, rel=1e-3)
    assert share < 0.1


@pytest.mark.parametrize(
    ("codec", "xi", "ledger", "reach"),
    [
        (Quantise(TINY), 0.9, "paper", "from 0.0312 to 0.5"),
        (Quantise(TINY), 0.02, "wire", "from 0.0313 to 0.5"),
        (Quantise(TINY, format="fp16"), 0.2, "paper", "from 0.5 to 0.5"),
        (ADC(TINY, xi=0.5), 1e-5, "wire", r"from 4\.\d+e-05 to 1"),
        (C3SL(TINY, xi=0.5), 0.001, "paper", "from 0.00781 to 1"),
    ],
)
def test_a_ratio_out_of_reach_names_the_range(codec: Codec, xi: float, ledger: LedgerName, reach: str) -> None:
    with pytest.raises(ValueError, match=reach):
        solved(codec, xi, ledger, BATCH)


def test_an_own_rule_that_misses_by_far_is_refused() -> None:
    """ADC with one cluster and one token is larger than asked for; where it only rounds, it is not refused."""
    with pytest.raises(ValueError, match=r"from 3\.97e-05 to 1"):
        taken(ADC(TINY, xi=1e-6), 1e-6, "paper", BATCH)
    assert taken(C3SL(TINY, xi=0.4), 0.4, "paper", BATCH).aim == ("paper", 0.4, 0.5)


def test_a_codec_whose_size_is_set_already_says_so() -> None:
    with pytest.raises(ValueError, match="give either rate or xi"):
        solved(TopK(TINY, rate=0.1), 0.2, "wire", BATCH)
    with pytest.raises(ValueError, match="no knob that sets its size"):
        solved(Identity(TINY), 0.2, "wire", BATCH)
