"""What codecs compute, which is time and energy of both ends: each count worked out by hand from the formula in its docstring.

Rows of n = 17 tokens and width d = 24, so D = 408 values each, a batch of B = 12 and C = 10 classes.
"""

import math
from typing import Any

import pytest

from edgesim import kinds
from edgesim.codecs.adc_tokens import ADCTokens
from edgesim.codecs.base import Codec, Cut

CUT = Cut((17, 24), classes=10)
B, n, d, D = 12, 17, 24, 17 * 24
SELECT = 2.0 * (1.0 + math.log(2.0))  # comparisons a number of a selection in linear time

# One iteration of k-means: 3 B T m for distances, B T for the nearest, B m for sums, T m for means, 3 T m for the shift.
ADC_SCORES = 50 * (3 * 12 * 4 * 17 + 12 * 4 + 12 * 17 + 4 * 4 * 17)
ADC_FEATURES = 50 * (3 * 12 * 4 * 24 + 12 * 4 + 12 * 24 + 4 * 4 * 24)
ADC_SORT, ADC_MERGE = 4 * 17 * 5, (12 * 5 + 2 * 4 * 5) * 24  # 5 comparisons a token; merging, and its adjoint
ADC_CLUSTERS = {"T": 4, "k": 5}
FREQUENCIES = D // 2 + 1
C3SL = 2 * ((12 + 3) * 2.5 * D * math.log2(D) + 8 * 12 * FREQUENCIES)
# fedlite: 12 x 51 sub-vectors of 8, 16 words, 10 iterations of products, comparisons and sums, then coding
FEDLITE = 10 * (612 * 16 * 18 + 612 * 8) + 612 * 16 * 18 + 4 * 12 * 408
# lowrank: n d r and n r t products, again for the gradient; Gram matrices of both modes and their eigenvectors, 9 m^3
LOWRANK = 2 * 12 * 17 * 20 * (24 + 3)
# nscsl: r_BW = floor(0.25 M d / (M + d)) = 5 of M = 204 rows, two of it the residual's
NSCSL = 2 * (4 * 204 * 24 * 5 + 4 * 204 * 25)
TOME = (3 * 17 + 2 * 9 * 8) * 24 + (3 * 9 + 2 * 5 * 4) * 24 + 2 * 17 * 24  # 17 -> 9 -> 6
SLACC_GROUPS = 4 * (3 * 24 + 2 * 24) + 50 * (3 * 24 * 4 + 24 * 4 + 24 + 4 * 4)  # k-means++ of 24 numbers
SLFAC_VALUES = 12 * 16 * 24
# splitfc: xi D phi B less the side information (mask 24, widths 12 x 4, ends 12 x 20, range 64), a row of B n = 204
SPLITFC_BITS = 204 * ((12 * 408 * 4 - (24 + 48 + 240 + 64)) // 204)

CASES: list[tuple[str, dict[str, Any], float, float]] = [
    ("identity", {}, 0.0, 0.0),
    ("adc", ADC_CLUSTERS, ADC_SCORES + ADC_SORT + ADC_MERGE, 12 + 4 * 10),
    ("adc", ADC_CLUSTERS | {"labels": "dense"}, ADC_SCORES + ADC_SORT + ADC_MERGE, 0.0),
    ("adc", ADC_CLUSTERS | {"key": "patch_score"}, ADC_SCORES + 2 * 12 * 17 + ADC_SORT + ADC_MERGE, 52.0),
    ("adc", ADC_CLUSTERS | {"key": "cls_token"}, ADC_FEATURES + (12 + 4) * 17 + ADC_SORT + ADC_MERGE, 52.0),
    ("adc", ADC_CLUSTERS | {"key": "cls_token", "select": "centroid"}, ADC_FEATURES + ADC_SORT + ADC_MERGE, 52.0),
    (
        "adc",
        ADC_CLUSTERS | {"key": "avg_token", "init": "kmeans++"},
        ADC_FEATURES + 4 * (3 * 12 * 24 + 2 * 12) + 12 * 17 * 24 + (12 + 4) * 17 + ADC_SORT + ADC_MERGE,
        52.0,
    ),
    ("adc_tokens", {"k": 5}, 12 * 17 * 5, 0.0),
    ("topk", {"rate": 0.25}, B * D * (1 + SELECT), 0.0),
    ("randtopk", {"rate": 0.25}, B * D * (1 + 2 * SELECT + 3), 0.0),
    ("quantise", {"bits": 4}, 7 * B * D, 2 * B * D),
    ("quantise", {"bits": 4, "rounding": "stochastic"}, 8 * B * D, 2 * B * D),
    ("quantise", {"format": "bf16"}, B * D, B * D),
    ("c3sl", {"R": 4}, C3SL, C3SL),
    ("tome", {"k": 6}, 12 * TOME, 0.0),
    ("evit", {"keep": 0.5}, 12 * (17 * math.log2(17) + (17 - 1 - 8) * 3 * 24), 0.0),
    ("fedlite", {"length": 8, "centroids": 16}, FEDLITE, 0.0),
    ("fedlite", {"length": 1, "centroids": 16}, 10 * (1024 + 16) * 4 + 10 * 1024 + (4896 + 16) * 4 + 4 * 4896, 0.0),
    ("lowrank", {"tokens": 3, "width": 20, "bases": "calibration"}, 2 * LOWRANK, LOWRANK),
    ("lowrank", {"tokens": 3, "width": 20}, 2 * LOWRANK + 2 * 12 * 17 * 24 * (17 + 24) + 9 * 16**3 + 9 * 24**3, LOWRANK),
    ("nscsl", {"xi": 0.25, "energy": 1.0}, NSCSL + 2 * 204 * 24 * 5, 2 * 204 * 24 * 5),
    ("nscsl", {"xi": 0.25}, NSCSL + 2 * 204 * 24 * 5 + 2 * 204 * 24 * 24 + 9 * 24**3, 2 * 204 * 24 * 5),
    ("slacc", {}, 12 * B * D + 2 * 8 * B * D + SLACC_GROUPS, 2 * B * D + 2 * 8 * B * D),
    ("slfac", {}, (2 * 16 + 11 + 2 * 8) * SLFAC_VALUES, (2 * 16 + 2 + 2 * 8) * SLFAC_VALUES),
    ("splitfc", {"xi": 0.125, "reduction": 2.0}, 4 * B * D + 12 * B * D / 2 + 2 * SPLITFC_BITS, B * D + 2 * SPLITFC_BITS),
    ("bottlenet", {"xi": 0.25, "layers": 1}, 3 * 2 * 12 * 17 * 24 * 6, 3 * 2 * 12 * 17 * 24 * 6),
]
BY_CODECS_INSIDE = {"chain", "feedback", "adaptive"}


@pytest.mark.parametrize(("kind", "knobs", "encode", "decode"), CASES)
def test_operations_are_those_of_the_formula(kind: str, knobs: dict[str, Any], encode: float, decode: float) -> None:
    assert made(kind, **knobs).flops(B) == pytest.approx((encode, decode), rel=1e-12)


def test_every_kind_is_here() -> None:
    assert {kind for kind, *_ in CASES} | BY_CODECS_INSIDE == set(kinds.names("codec"))


def test_feedback_decodes_at_the_sender_and_corrects_every_value() -> None:
    """An addition, a subtraction and a product a value, on top of a quantiser's 7 and 2."""
    codec = made("feedback", codec=made("quantise", bits=4))
    assert codec.flops(B) == (7 * B * D + 2 * B * D + 3 * B * D, 2 * B * D)


@pytest.mark.parametrize(("tokens", "comparisons"), [(15, 4), (16, 4), (17, 5)])
def test_ranking_takes_as_many_comparisons_as_the_logarithm_rounded_up(tokens: int, comparisons: int) -> None:
    assert ADCTokens(Cut((tokens, 8)), k=3).flops(2)[0] == 2 * tokens * comparisons


def made(kind: str, **knobs: Any) -> Codec:
    found: Codec = kinds.load("codec", kind)(CUT, **knobs)
    return found
