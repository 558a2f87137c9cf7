"""The contract of every codec with gradients: they flow back through it, and may be compressed themselves."""

import pytest
import torch

from edgesim.codecs.base import Cut
from edgesim.wire import Smashed
from tests.contracts.test_codecs import (
    BATCH,
    BATCHES,
    CASES,
    Knobs,
    arrived,
    build,
    check_announced,
    every_codec,
    seeded,
    smashed,
)

# Given their decisions, W is linear in the activations.
LINEAR = {
    "identity",
    "adc",
    "adc_tokens",
    "topk",
    "randtopk",
    "c3sl",
    "tome",
    "evit",
    "feedback",
    "quantise",
    "chain",
    "adaptive",
}


# So it is here, but codes or bases of the batch lose more of it on the way.
LINEAR_BUT_COARSE = {"splitfc", "slacc", "slfac", "nscsl", "lowrank"}


@every_codec
@pytest.mark.parametrize("batch", BATCHES)
def test_the_wire_tensor_is_what_arrives_up_to_rounding(kind: str, knobs: Knobs, batch: int) -> None:
    codec = build(kind, knobs)
    payload = codec.encode(smashed(batch), seeded())
    received = codec.receive(arrived(payload))
    assert payload.handle is not None
    assert payload.handle.shape == received.shape == (codec.rows(batch), *codec.item)
    assert received.dtype == torch.float32
    assert not received.requires_grad
    sent = payload.handle.detach()
    if kind in LINEAR:
        coarsest = float(sent.max() - sent.min()) / 7  # stochastic rounding to 3 bits
        assert float((received - sent).abs().max()) <= coarsest + 1e-6


@pytest.mark.parametrize(("kind", "knobs"), [case for case in CASES if case[0] in LINEAR | LINEAR_BUT_COARSE])
def test_the_adjoint_is_exact(kind: str, knobs: Knobs) -> None:
    """<enc(x), y> = <x, enc^T(y)>: what the client does with an answer is the transpose of what it did to the activations."""
    data = smashed(dtype=torch.float64)
    payload = build(kind, knobs).encode(data, seeded())
    assert payload.handle is not None
    y = torch.randn(payload.handle.shape, generator=seeded(1), dtype=torch.float64)
    [transposed] = torch.autograd.grad(payload.handle, data.x, y)
    torch.testing.assert_close((payload.handle * y).sum(), (data.x * transposed).sum(), rtol=1e-12, atol=1e-12)


@every_codec
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("batch", BATCHES)
def test_gradients_flow_from_the_loss_to_the_activations(kind: str, knobs: Knobs, dtype: torch.dtype, batch: int) -> None:
    codec, data = build(kind, knobs), smashed(batch, dtype)
    payload = codec.encode(data, seeded())
    wire = codec.receive(arrived(payload)).requires_grad_()
    torch.autograd.backward(codec.expand(wire, arrived(payload)).x.square().sum())
    assert wire.grad is not None
    assert wire.grad.shape == wire.shape
    assert payload.handle is not None
    torch.autograd.backward(payload.handle, wire.grad)
    assert data.x.grad is not None
    assert data.x.grad.dtype == dtype
    assert data.x.grad.isfinite().all()
    assert data.x.grad.abs().sum() > 0


DOWN = [(kind, knobs) for kind, knobs in CASES if not build(kind, knobs).needs_tokens]


@pytest.mark.parametrize(("kind", "knobs"), DOWN)
@pytest.mark.parametrize("item", [(30,), (5, 6), (2, 3, 5)])
def test_gradients_can_be_compressed(kind: str, knobs: Knobs, item: tuple[int, ...]) -> None:
    """On the downlink rows have the shape of some wire tensor, and no labels."""
    codec = build(kind, knobs, Cut(item))
    gradient = torch.randn(BATCH, *item, generator=seeded())
    payload = codec.encode(Smashed(gradient), seeded())
    check_announced(codec, payload, BATCH)
    there = codec.decode(arrived(payload))
    assert there.x.shape == gradient.shape
    assert there.labels is None
    assert payload.manifest.by_role["labels"] == 0
