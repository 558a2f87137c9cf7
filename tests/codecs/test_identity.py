"""Base: golden sizes of compression.md 1.3, and nothing changed on the way."""

import pytest
import torch
from torch import Generator

from edgesim.codecs.base import Cut
from edgesim.codecs.identity import Identity
from edgesim.wire import Smashed

BATCH = 128
WIDTHS = {"deit_tiny": 192, "deit_small": 384}
ACTIVATIONS = {"deit_tiny": 154_927_104, "deit_small": 309_854_208}


@pytest.mark.parametrize("model", WIDTHS)
def test_golden_bits(model: str) -> None:
    item = (197, WIDTHS[model])
    up, down = Identity(Cut(item, classes=100)).manifest(BATCH), Identity(Cut(item)).manifest(BATCH)
    assert up.by_role["values"] == down.bits == ACTIVATIONS[model]
    assert up.by_role["labels"] == 896
    assert up.bits + down.bits == {"deit_tiny": 309_855_104, "deit_small": 619_709_312}[model]
    assert up.paper_bits - ACTIVATIONS[model] == pytest.approx(850.4, abs=0.05)  # 128 log2(100), not rounded up
    assert down.paper_bits == down.code_bits == ACTIVATIONS[model]


def test_soft_labels_are_paid_for() -> None:
    assert Identity(Cut((197, 192), classes=100, soft_labels=True)).manifest(BATCH).by_role["labels"] == BATCH * 100 * 32


def test_nothing_changes() -> None:
    x = torch.randn(3, 4, 5).requires_grad_()
    labels = torch.tensor([1, 0, 2])
    codec = Identity(Cut((4, 5), classes=3))
    payload = codec.encode(Smashed(x, labels), Generator())
    there = codec.decode(payload)
    assert payload.handle is x
    assert torch.equal(there.x, x)
    assert there.labels is not None
    assert torch.equal(there.labels, labels)


def test_half_precision_is_sent_as_the_float32_it_is_charged_as() -> None:
    codec = Identity(Cut((4, 5)))
    x = torch.randn(3, 4, 5).bfloat16().requires_grad_()
    payload = codec.encode(Smashed(x), Generator())
    assert payload.tensors["values"].dtype == torch.float32
    assert torch.equal(payload.tensors["values"], x.detach().float())
    assert payload.handle is not None
    torch.autograd.backward(payload.handle, torch.ones(3, 4, 5))
    assert x.grad is not None
    assert x.grad.dtype == torch.bfloat16
