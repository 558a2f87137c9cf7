"""RandTopK: exact sequential sampling, and Top-K as the case without randomness."""

import math
from itertools import permutations
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from edgesim.codecs.base import Cut
from edgesim.codecs.randtopk import RandTopK
from edgesim.codecs.topk import TopK
from edgesim.wire import Payload, Smashed

TINY = Cut((197, 192))  # DeiT-T, without labels


def encoded(codec: RandTopK | TopK, x: Tensor, seed: int = 0) -> Payload:
    return codec.encode(Smashed(x), Generator().manual_seed(seed))


@pytest.mark.parametrize(("rate", "share", "tolerance"), [(0.1, 0.186, 0.003), (0.01, 0.192, 0.012)])
def test_share_of_picks_outside_the_largest(rate: float, share: float, tolerance: float) -> None:
    """18.6 +- 0.3 % at k/D = 0.1 and 19.2 % at 0.01, D = 37 824, alpha = 0.1: compression.md 2.5 and section 7, oracle 7."""
    x = torch.randn(24, 197, 192, generator=Generator().manual_seed(1))
    picked = encoded(RandTopK(TINY, rate=rate), x).tensors["indices"]
    top = encoded(TopK(TINY, rate=rate), x).tensors["indices"]
    is_top = torch.zeros(24, 37_824, dtype=torch.bool).scatter_(1, top, True)
    outside = 1.0 - float(is_top.gather(1, picked).double().mean())
    assert abs(outside - share) < tolerance  # 9072 picks at the lower rate: 3 sigma
    assert (picked.diff(dim=1) > 0).all()  # ascending and distinct, so exactly k of them
    assert picked.shape == top.shape


@pytest.mark.parametrize(("alpha", "golden"), [(0.05, 0.114), (0.1, 0.187), (0.2, 0.300), (0.3, 0.397)])
def test_share_outside_in_the_limit(alpha: float, golden: float) -> None:
    """compression.md 2.5: x + y = 1 and y = -alpha/(1 - alpha) ln(1 - x) for k << D; drawn at k/D = 0.01 it is that share."""
    low, high = 0.0, 1.0
    for _ in range(60):
        y = (low + high) / 2
        low, high = (y, high) if -alpha / (1 - alpha) * math.log(y) > y else (low, y)
    assert y == pytest.approx(golden, abs=1e-3)
    x = torch.arange(37_824.0).flip(0).view(1, 197, 192).expand(24, -1, -1)  # the largest are the first
    picked = encoded(RandTopK(TINY, rate=0.01, alpha=alpha), x).tensors["indices"]
    share = float((picked >= 378).double().mean())
    assert abs(share - y) < 4.5 * math.sqrt(y * (1 - y) / picked.numel()) + 0.003  # k is finite, others run out a little


def test_subsets_have_the_law_of_sequential_draws() -> None:
    """k = 2 of D = 5: the probability of a subset is the sum over its orders of w_i/W w_j/(W - w_i)."""
    codec = RandTopK(Cut((5,)), rate=0.4, alpha=0.3)
    rows = 40_000
    picked = encoded(codec, torch.tensor([5.0, -4.0, 3.0, 2.0, 1.0]).expand(rows, 5)).tensors["indices"]
    weights = [0.35, 0.35, 0.1, 0.1, 0.1]
    chance = torch.zeros(5, 5, dtype=torch.float64)
    for i, j in permutations(range(5), 2):
        chance[min(i, j), max(i, j)] += weights[i] * weights[j] / (1.0 - weights[i])
    counts = torch.bincount(picked[:, 0] * 5 + picked[:, 1], minlength=25).view(5, 5)
    assert chance.sum() == pytest.approx(1.0)
    possible = chance > 0
    assert counts[~possible].sum() == 0
    error = (counts[possible] - rows * chance[possible]) / (rows * chance[possible] * (1.0 - chance[possible])).sqrt()
    assert float(error.abs().max()) < 4.5


@pytest.mark.parametrize("mode", ["alpha", "evaluation"])
def test_without_randomness_it_is_topk(mode: str) -> None:
    x = torch.randn(4, 6, 8, generator=Generator().manual_seed(2))
    codec = RandTopK(Cut((6, 8)), rate=0.25, alpha=0.0 if mode == "alpha" else 0.3).train(mode == "alpha")
    ours, theirs = encoded(codec, x), encoded(TopK(Cut((6, 8)), rate=0.25), x)
    assert ours.manifest == theirs.manifest
    assert all(torch.equal(tensor, theirs.tensors[name]) for name, tensor in ours.tensors.items())


def test_everything_kept_is_base() -> None:
    x = torch.randn(3, 5, 8)
    payload = encoded(RandTopK(Cut((5, 8)), rate=1.0), x)
    assert list(payload.tensors) == ["values"]
    assert torch.equal(RandTopK(Cut((5, 8)), rate=1.0).expand(payload.tensors["values"], payload).x, x)


def test_it_is_a_mask_without_rescaling() -> None:
    x = torch.randn(6, 5, 8, generator=Generator().manual_seed(0)).requires_grad_()
    codec = RandTopK(Cut((5, 8)), rate=0.3)
    payload = encoded(codec, x)
    mask = torch.zeros(6, 40).scatter_(1, payload.tensors["indices"], 1.0).view(6, 5, 8)
    wire = codec.receive(payload).clone().requires_grad_()
    there = codec.expand(wire, payload.departed()).x
    assert torch.equal(there, x * mask)
    gradient = torch.randn(6, 5, 8)
    torch.autograd.backward(there, gradient)
    assert payload.handle is not None
    torch.autograd.backward(payload.handle, wire.grad)
    assert x.grad is not None
    assert torch.equal(x.grad, gradient * mask)


@pytest.mark.parametrize(("rate", "xi"), [(0.1, None), (None, 0.05)])
def test_sizes_and_charges_are_those_of_topk(rate: float | None, xi: float | None) -> None:
    ours, theirs = RandTopK(TINY, rate=rate, xi=xi), TopK(TINY, rate=rate, xi=xi)
    assert ours.manifest(128) == theirs.manifest(128)
    assert ours.ratios(128) == theirs.ratios(128)


def test_rows_and_steps_draw_anew() -> None:
    x = torch.arange(1.0, 41.0).expand(2, 40)
    codec = RandTopK(Cut((40,)), rate=0.5, alpha=0.3)
    first, second = encoded(codec, x, seed=0).tensors["indices"], encoded(codec, x, seed=1).tensors["indices"]
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first, second)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({}, "give either rate or xi"),
        ({"rate": 0.1, "alpha": 1.0}, r"alpha must lie in \[0, 1\)"),
        ({"rate": 0.1, "alpha": -0.1}, r"alpha must lie in \[0, 1\)"),
        ({"rate": 0.1, "index": "huffman"}, "index must be one of"),
    ],
)
def test_impossible_knobs_are_refused(knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RandTopK(TINY, **knobs)
