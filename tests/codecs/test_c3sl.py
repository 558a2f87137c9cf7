"""C3-SL: retrieval quality of compression.md 2.6, short groups, and unitary keys without compression."""

from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from edgesim.codecs.base import Cut
from edgesim.codecs.c3sl import C3SL
from edgesim.wire import Payload, Smashed

TINY = Cut((197, 192), classes=100)  # DeiT-T


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=Generator().manual_seed(seed))


def encoded(codec: C3SL, x: Tensor) -> Payload:
    return codec.encode(Smashed(x, torch.arange(len(x)) if codec.cut.classes else None), Generator())


def error(codec: C3SL, x: Tensor) -> float:
    """Squared error relative to the energy."""
    there = codec.decode(encoded(codec, x).departed()).x
    return float((there - x).square().sum() / x.square().sum())


@pytest.mark.parametrize("R", [1, 2, 4, 8])
def test_retrieval_error_is_that_of_the_keys(R: int) -> None:
    """NMSE about R with Gaussian keys, R - 1 with unitary ones: oracle 8, with 3 % as compression.md has 2.06 for R = 2."""
    x = normal(8, 197, 192)
    assert error(C3SL(TINY, R=R), x) == pytest.approx(R, rel=0.03)
    if R > 1:
        assert error(C3SL(TINY, R=R, keys="unitary"), x) == pytest.approx(R - 1, rel=0.03)


@pytest.mark.parametrize("R", [2, 16, 32])
def test_retrieval_over_many_keys(R: int) -> None:
    """Oracle 8 of compression.md section 7: NMSE R within 2 %, here of the mean over six draws of keys. So the cosine between
    what went in and what comes out is 1/sqrt(1 + R), and the norm grows by sqrt(1 + R)."""
    x = normal(32, 197, 192)
    out = [C3SL(TINY, R=R, seed=seed) for seed in range(6)]
    there = torch.stack([codec.decode(encoded(codec, x).departed()).x for codec in out])
    energy = x.square().sum()
    assert float((there - x).square().sum() / 6 / energy) == pytest.approx(R, rel=0.02)
    assert float((there * x).sum() / 6 / energy) == pytest.approx(1.0, abs=0.05)
    assert float((there.square().sum() / 6 / energy).sqrt()) == pytest.approx((1 + R) ** 0.5, rel=0.02)
    cosine = (there * x).sum((2, 3)) / (there.square().sum((2, 3)) * x.square().sum((1, 2))).sqrt()
    assert float(cosine.mean()) == pytest.approx(1 / (1 + R) ** 0.5, rel=0.05)


def test_one_unitary_key_is_base() -> None:
    x = normal(4, 197, 192).requires_grad_()
    codec = C3SL(TINY, R=1, keys="unitary")
    payload = encoded(codec, x)
    wire = codec.receive(payload).clone().requires_grad_()
    there = codec.expand(wire, payload.departed()).x
    torch.testing.assert_close(there, x, rtol=0.0, atol=1e-5)
    gradient = normal(4, 197, 192, seed=1)
    torch.autograd.backward(there, gradient)
    assert payload.handle is not None
    torch.autograd.backward(payload.handle, wire.grad)
    torch.testing.assert_close(x.grad, gradient, rtol=0.0, atol=1e-5)


def test_the_gradient_goes_through_the_same_pair() -> None:
    """dl/dz_r = K_r corr sum_s K_s * dl/dz'_s: what the server's gradient becomes, computed by the codec itself forwards."""
    codec, x, gradient = C3SL(Cut((5, 6)), R=3), normal(6, 5, 6).requires_grad_(), normal(6, 5, 6, seed=1)
    payload = encoded(codec, x)
    wire = codec.receive(payload).clone().requires_grad_()
    torch.autograd.backward(codec.expand(wire, payload.departed()).x, gradient)
    assert payload.handle is not None
    torch.autograd.backward(payload.handle, wire.grad)
    torch.testing.assert_close(x.grad, codec.decode(encoded(codec, gradient).departed()).x)


@pytest.mark.parametrize("classes", [0, 10])
def test_a_short_group_takes_the_first_keys(classes: int) -> None:
    """7 samples in groups of 4: the last three fare as if a fourth were zero, and one vector is sent for them."""
    cut = Cut((5, 6), classes=classes)
    codec, x = C3SL(cut, R=4), normal(7, 5, 6)
    short, full = encoded(codec, x), encoded(codec, torch.cat([x, torch.zeros(1, 5, 6)]))
    assert short.tensors["values"].shape == (2, 30)
    assert torch.equal(short.tensors["values"], full.tensors["values"])
    assert torch.equal(codec.decode(short.departed()).x, codec.decode(full.departed()).x[:7])
    assert short.manifest.by_role["side"] == (0 if classes else 2)  # labels tell how many there are


@pytest.mark.parametrize(("batch", "rows"), [(128, 32), (125, 32), (4, 1), (1, 1)])
def test_golden_sizes(batch: int, rows: int) -> None:
    codec = C3SL(TINY, xi=0.25)
    assert codec.manifest(batch).by_role == {"values": rows * 37_824 * 32, "side": 0, "labels": 7 * batch, "model": 0}
    assert codec.ratios(batch) == (1 / min(4, batch),) * 4  # three samples alone are not sent at a quarter of themselves
    assert codec.one_off_bits == 64


@pytest.mark.parametrize(("xi", "R"), [(1.0, 1), (0.5, 2), (0.125, 8), (0.3, 3), (0.03125, 32)])
def test_the_group_follows_from_xi(xi: float, R: int) -> None:
    assert C3SL(Cut((5, 6)), xi=xi).R == R


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_bound_in_single(dtype: torch.dtype) -> None:
    codec, x = C3SL(Cut((5, 6)), R=3), normal(3, 5, 6).to(dtype)
    payload = encoded(codec, x)
    assert payload.tensors["values"].dtype == torch.float32
    assert torch.equal(payload.tensors["values"], encoded(codec, x.float()).tensors["values"])


def test_a_batch_pays_for_its_own_keys_only() -> None:
    """As many keys as this R would not fit into any memory; a larger batch finds the same keys."""
    many, few, x = C3SL(Cut((5, 6)), R=10**9), C3SL(Cut((5, 6)), R=4), normal(4, 5, 6)
    for batch in (1, 4, 2):
        there = many.decode(encoded(many, x[:batch]).departed()).x
        torch.testing.assert_close(there, few.decode(encoded(few, x[:batch]).departed()).x)
    assert C3SL(Cut((5, 6)), xi=1e-320).rows(64) == 1


def test_a_checkpoint_needs_no_keys() -> None:
    first, second = C3SL(Cut((5, 6)), R=3, seed=4), C3SL(Cut((5, 6)), R=3, seed=4)
    assert not first.state_dict()
    x = normal(3, 5, 6)
    assert torch.equal(first.decode(encoded(second, x)).x, second.decode(encoded(second, x)).x)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({}, "give either R or xi"),
        ({"R": 2, "xi": 0.5}, "give either R or xi"),
        ({"R": 0}, r"R must lie in \[1, inf\)"),
        ({"R": 2.0}, "R must be an integer"),
        ({"xi": 0.0}, r"xi must lie in \(0, 1\]"),
        ({"R": 2, "keys": "binary"}, "keys must be one of gaussian, unitary"),
        ({"R": 2, "seed": -1}, "seed must lie"),
    ],
)
def test_impossible_knobs_are_refused(knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        C3SL(TINY, **knobs)
