"""EViT: what is kept, what is fused with which weight, and how gradients come back."""

from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from edgesim.codecs.adc import ADC
from edgesim.codecs.base import Cut
from edgesim.codecs.evit import EViT
from edgesim.wire import Payload, Smashed

CUT = Cut((6, 4))
ATTENTION = torch.tensor([[0.5, 0.1, 0.2, 0.05, 0.12, 0.03], [0.1, 0.05, 0.1, 0.15, 0.2, 0.4]])


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=Generator().manual_seed(seed))


def encoded(codec: EViT | ADC, x: Tensor, attention: Tensor = ATTENTION) -> Payload:
    return codec.encode(Smashed(x, None, attention), Generator())


def test_the_kept_and_the_fused_by_hand() -> None:
    """m = 3 of 5 patch tokens; the others are added up with their attention as it is."""
    x = normal(2, 6, 4).requires_grad_()
    codec = EViT(CUT, keep=0.5)
    payload = encoded(codec, x)
    first = torch.stack([x[0, 0], x[0, 1], x[0, 2], x[0, 4], 0.05 * x[0, 3] + 0.03 * x[0, 5]])
    second = torch.stack([x[1, 0], x[1, 3], x[1, 4], x[1, 5], 0.05 * x[1, 1] + 0.1 * x[1, 2]])
    assert payload.handle is not None
    torch.testing.assert_close(payload.handle, torch.stack([first, second]))
    g = normal(2, 5, 4, seed=1)
    torch.autograd.backward(payload.handle, g)
    assert x.grad is not None
    back = torch.stack([g[0, 0], g[0, 1], g[0, 2], 0.05 * g[0, 4], g[0, 3], 0.03 * g[0, 4]])
    torch.testing.assert_close(x.grad[0], back)


def test_without_the_fused_token_it_is_adc_with_a_cluster_a_sample() -> None:
    """compression.md 2.14. Distinct attention rows, as many clusters as samples, so each keeps its own tokens."""
    x = normal(2, 6, 4)
    adc = encoded(ADC(CUT, T=2, k=4), x).tensors["values"]
    ours = encoded(EViT(CUT, keep=0.5), x).tensors["values"][:, :4]
    order = [0, 1] if torch.allclose(adc[0, 0], ours[0, 0]) else [1, 0]  # clusters come in any order
    torch.testing.assert_close(adc[order], ours)


@pytest.mark.parametrize("knobs", [{"keep": 1.0}, {"xi": 1.0}])
def test_everything_kept_is_base(knobs: dict[str, Any]) -> None:
    x = normal(2, 6, 4)
    assert torch.equal(encoded(EViT(CUT, **knobs), x).tensors["values"], x)


@pytest.mark.parametrize(
    ("knobs", "tokens"), [({"keep": 0.7}, 140), ({"keep": 0.5}, 100), ({"xi": 0.32}, 63), ({"xi": 0.01}, 3)]
)
def test_golden_token_counts(knobs: dict[str, Any], tokens: int) -> None:
    """m + 2 tokens, m = ceil(keep 196) or floor(xi 197) - 2."""
    codec = EViT(Cut((197, 192), classes=100), **knobs)
    assert codec.item == (tokens, 192)
    assert codec.manifest(128).by_role == {"values": 128 * tokens * 192 * 32, "side": 0, "labels": 128 * 7, "model": 0}
    assert codec.ratios(128) == (tokens / 197,) * 4


def test_attention_must_be_there() -> None:
    with pytest.raises(ValueError, match="attention"):
        EViT(CUT, keep=0.5).encode(Smashed(normal(2, 6, 4)), Generator())


@pytest.mark.parametrize(
    ("cut", "knobs", "message"),
    [
        (CUT, {}, "give either keep or xi"),
        (CUT, {"keep": 0.0}, r"keep must lie in \(0, 1\]"),
        (CUT, {"xi": 1.1}, r"xi must lie in \(0, 1\]"),
        (Cut((30,)), {"keep": 0.5}, r"rows of \(tokens, width\)"),
    ],
)
def test_impossible_knobs_are_refused(cut: Cut, knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EViT(cut, **knobs)
