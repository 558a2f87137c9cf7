"""Top-K: golden sizes and ratios of compression.md 2.4, and the mask it is."""

import math
from typing import Any

import pytest
import torch
from torch import Generator

from edgesim.codecs.base import Cut
from edgesim.codecs.identity import Identity
from edgesim.codecs.topk import TopK
from edgesim.wire import Payload, Smashed

TINY = Cut((197, 192))  # DeiT-T, without labels
BATCH = 128

# paper, code and wire ratio, means of both directions, DeiT-T at B = 128: compression.md 2.4
RATIOS = {
    0.01: (0.01237, 0.01359, 0.01249),
    0.05: (0.06187, 0.06797, 0.06249),
    0.1: (0.12375, 0.13594, 0.11561),
    0.2: (0.24753, 0.27187, 0.21563),
    0.3: (0.37128, 0.40781, 0.31562),
    0.4: (0.49506, 0.54375, 0.41564),
    0.5: (0.61880, 0.67969, 0.51563),
}


def encoded(codec: TopK, x: torch.Tensor) -> Payload:
    return codec.encode(Smashed(x), Generator())


@pytest.mark.parametrize("rate", RATIOS)
def test_golden_ratios(rate: float) -> None:
    """The wire column is the shorter of list and bitmap with one mode bit, and leaves labels out."""
    codec = TopK(TINY, rate=rate)
    paper_up, paper_down, code_up, code_down = codec.ratios(BATCH)
    base = Identity(TINY).manifest(BATCH).bits
    answer = Identity(Cut(codec.item)).manifest(BATCH).bits
    paper, code, wire = RATIOS[rate]
    assert (paper_up + paper_down) / 2 == pytest.approx(paper, abs=5.1e-6)
    assert (code_up + code_down) / 2 == pytest.approx(code, abs=5.1e-6)
    assert (codec.manifest(BATCH).bits + answer) / (2 * base) == pytest.approx(wire, abs=5.1e-6)


def test_code_ledger_spreads_indices_over_the_batch() -> None:
    """23 bits an index for DeiT-T, 24 for DeiT-S: the published points are at 1.3594 and 1.375 times the rate."""
    for cut, factor in ((TINY, 1.359375), (Cut((197, 384)), 1.375)):
        ratios = TopK(cut, rate=0.1).ratios(BATCH)
        assert (ratios.code_up + ratios.code_down) / 2 == pytest.approx(0.1 * factor)


def test_golden_index_bits() -> None:
    side = {rate: TopK(TINY, rate=rate).manifest(1).by_role["side"] for rate in (0.01, 0.1, 1.0)}
    assert side == {0.01: 378 * 16 + 1, 0.1: 37_824 + 1, 1.0: 0}  # list, bitmap, nothing to say
    assert TopK(TINY, rate=0.1, index="enumerative").manifest(1).by_role["side"] == 17_731


@pytest.mark.parametrize(
    ("rate", "index", "octets"),
    [
        (0.01, "list_or_bitmap", 2269),  # 378 (32 + 16) + 1 bits: a list
        (0.1, "list_or_bitmap", 19_857),  # 3782 32 + 37 824 + 1: a bitmap
        (0.1, "enumerative", 17_345),  # 3782 32 + 17 731
    ],
)
def test_golden_bytes_of_a_sample(rate: float, index: Any, octets: int) -> None:
    codec, x = TopK(TINY, rate=rate, index=index), torch.randn(1, 197, 192, generator=Generator().manual_seed(0))
    payload = encoded(codec, x)
    data = codec.to_bytes(payload)
    assert len(data) == octets
    assert torch.equal(codec.decode(codec.from_bytes(data, 1)).x, codec.decode(payload.departed()).x)


@pytest.mark.parametrize("rate", [0.03, 0.06])
def test_the_shorter_index_code_is_taken(rate: float) -> None:
    """A list of 16-bit indices is shorter than the bitmap below 1/16 of the entries."""
    [values, indices, mode] = TopK(TINY, rate=rate).manifest(2).fields
    assert values.bits == 2 * 32 * round(rate * 37_824)
    assert indices.bits == 2 * min(16 * round(rate * 37_824), 37_824)
    assert mode.bits == 2


@pytest.mark.parametrize("xi", [0.02, 0.1, 0.5])
def test_xi_is_met_in_the_paper_ledger(xi: float) -> None:
    """rate = 2 xi / (2 + log2 D / 32) makes the mean of (k/D)(1 + log2 D / 32) and k/D equal to xi, up to rounding k."""
    ratios = TopK(TINY, xi=xi).ratios(BATCH)
    assert (ratios.paper_up + ratios.paper_down) / 2 == pytest.approx(xi, abs=1.0 / 37_824)


def test_it_is_the_mask_of_the_largest_magnitudes() -> None:
    """Forward mask z, backward mask g: the same as autograd of the mask (compression.md 2.4 (1))."""
    x = torch.randn(6, 5, 8, generator=torch.Generator().manual_seed(0)).requires_grad_()
    codec = TopK(Cut((5, 8)), rate=0.3)
    payload = encoded(codec, x)
    wire = codec.receive(payload).clone().requires_grad_()
    there = codec.expand(wire, payload.departed()).x
    threshold = x.detach().abs().flatten(1).sort(dim=1, descending=True).values[:, 11]  # 12 of 40
    mask = (x.detach().abs() >= threshold[:, None, None]).float()
    assert mask.sum() == 6 * 12
    assert torch.equal(there, x * mask)
    gradient = torch.randn(6, 5, 8)
    torch.autograd.backward(there, gradient)
    assert payload.handle is not None
    torch.autograd.backward(payload.handle, wire.grad)
    assert x.grad is not None
    assert torch.equal(x.grad, gradient * mask)


def test_everything_kept_is_base() -> None:
    x = torch.randn(3, 5, 8)
    codec = TopK(Cut((5, 8)), rate=1.0)
    payload = encoded(codec, x)
    assert torch.equal(codec.decode(payload.departed()).x, x)
    assert payload.manifest.bits == Identity(Cut((5, 8))).manifest(3).bits


def test_ties_and_zeros_still_give_exactly_k_places() -> None:
    x = torch.zeros(4, 5, 8)
    x[1] = 1.0
    x[2, 0, 0] = -3.0
    payload = encoded(TopK(Cut((5, 8)), rate=0.2), x)
    indices = payload.tensors["indices"]
    assert indices.shape == (4, 8)
    assert all(len(set(row)) == 8 and row == sorted(row) for row in indices.tolist())
    assert payload.tensors["values"][2].tolist().count(-3.0) == 1


def test_the_mode_bit_says_which_index_code() -> None:
    for rate, mode in ((0.01, 0), (0.3, 1)):
        payload = encoded(TopK(Cut((16, 16)), rate=rate), torch.randn(2, 16, 16))
        assert payload.tensors["index_mode"].tolist() == [mode, mode]


@pytest.mark.parametrize(("features", "k"), [(10, 3), (4, 1), (1, 1)])
def test_k_is_rounded_and_at_least_one(features: int, k: int) -> None:
    assert TopK(Cut((features,)), rate=0.26).k == k


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({}, "give either rate or xi"),
        ({"rate": 0.1, "xi": 0.1}, "give either rate or xi"),
        ({"rate": 0.0}, r"rate must lie in \(0, 1\]"),
        ({"xi": 2.0}, r"xi must lie in \(0, 1\]"),
        ({"rate": math.nan}, r"rate must lie in \(0, 1\]"),
        ({"rate": 0.1, "index": "huffman"}, "index must be one of list_or_bitmap, enumerative"),
    ],
)
def test_impossible_knobs_are_refused(knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TopK(TINY, **knobs)
