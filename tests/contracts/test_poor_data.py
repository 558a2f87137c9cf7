"""Every codec takes data in which nothing differs: one picture over and over, attention that prefers no token, zeros."""

import pytest
import torch
from torch import Generator

from edgesim.wire import Payload, Smashed
from tests.contracts.test_codecs import BATCH, CUT, Knobs, build, every_codec

TOKENS, WIDTH = CUT.item
POOR = {
    "zeros": torch.zeros(BATCH, TOKENS, WIDTH),
    "one value": torch.full((BATCH, TOKENS, WIDTH), -0.75),
    "one picture": torch.randn(1, TOKENS, WIDTH, generator=Generator().manual_seed(1)).expand(BATCH, -1, -1),
    "one token": torch.randn(BATCH, 1, WIDTH, generator=Generator().manual_seed(2)).expand(-1, TOKENS, -1),
    "two pictures": torch.randn(2, TOKENS, WIDTH, generator=Generator().manual_seed(3)).repeat(BATCH // 2, 1, 1),
}


@pytest.mark.parametrize("name", POOR)
@pytest.mark.parametrize("attention", ["flat", "class token only"])
@every_codec
def test_data_without_differences_are_sent_and_learned_from(kind: str, knobs: Knobs, attention: str, name: str) -> None:
    codec = build(kind, knobs)
    z = POOR[name].clone().requires_grad_()
    scores = torch.full((BATCH, TOKENS), 1.0 / TOKENS) if attention == "flat" else torch.eye(1, TOKENS).expand(BATCH, -1)
    labels = torch.arange(BATCH) % CUT.classes
    payload = codec.encode(Smashed(z * 1.0, labels, scores), Generator().manual_seed(0))
    assert isinstance(payload, Payload)
    assert payload.manifest.bits <= codec.manifest(BATCH).bits
    wire = codec.receive(payload.departed()).detach().requires_grad_()
    there = codec.expand(wire, payload.departed())
    assert bool(there.x.isfinite().all())
    torch.autograd.backward(there.x.square().sum())
    assert wire.grad is not None
    assert payload.handle is not None
    assert bool(wire.grad.isfinite().all())
    torch.autograd.backward(payload.handle, wire.grad)
    assert z.grad is not None
    assert bool(z.grad.isfinite().all())
