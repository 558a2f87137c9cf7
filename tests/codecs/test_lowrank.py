"""Low-rank subspaces: the adjoint, projection, and bases that travel each time or once."""

import pytest
import torch
from torch import Generator, Tensor

from edgesim.codecs.base import Cut
from edgesim.codecs.lowrank import LowRank
from edgesim.wire import Payload, Smashed

CUT = Cut((9, 16))
X = torch.randn(8, 9, 16, generator=Generator().manual_seed(0))


def sent(codec: LowRank, x: Tensor = X) -> Payload:
    return codec.encode(Smashed(x), Generator())


def test_golden_message() -> None:
    """DeiT-T at xi = 0.1: floor(sqrt(0.1) 197) = 62 tokens, floor(0.1 197 192 / 62) = 61 channels; bases beside them."""
    codec = LowRank(Cut((197, 192), classes=100), xi=0.1)
    assert codec.item == (62, 61)
    assert codec.ratios(64) == (62 * 61 / 37_824,) * 4
    assert codec.manifest(64).by_role == {
        "values": 64 * 62 * 61 * 32,
        "side": (196 * 61 + 192 * 61) * 32,
        "labels": 64 * 7,
        "model": 0,
    }


@pytest.mark.parametrize("calibrated", [False, True])
def test_encoder_and_gradient_are_adjoint(calibrated: bool) -> None:
    """<enc(x), y> = <x, enc^t(y)>, and the server's expansion is that same transpose."""
    codec, x = LowRank(CUT, tokens=4, width=6), X.double().requires_grad_()
    if calibrated:
        codec.double().calibrate(X.flip(0).double())
    payload = sent(codec, x)
    assert payload.handle is not None
    y = torch.randn(8, 4, 6, generator=Generator().manual_seed(1), dtype=torch.float64)
    [gradient] = torch.autograd.grad(payload.handle, x, y)
    torch.testing.assert_close((payload.handle * y).sum(), (x * gradient).sum())
    torch.testing.assert_close(codec.expand(y, payload.departed()).x, gradient)


def test_decoding_is_an_orthogonal_projection() -> None:
    """Projected again with the same bases nothing changes, and what is missing is orthogonal to what arrived."""
    codec = LowRank(CUT, tokens=4, width=6)
    codec.calibrate(X)
    once = codec.decode(sent(codec)).x
    torch.testing.assert_close(codec.decode(sent(codec, once)).x, once)
    assert abs(float(((X - once) * once).sum())) < 1e-4 * float(X.square().sum())


def test_full_ranks_are_base() -> None:
    codec = LowRank(CUT, tokens=9, width=16)
    torch.testing.assert_close(codec.decode(sent(codec).departed()).x, X, rtol=1e-4, atol=1e-5)
    assert codec.ratios(8) == (1.0, 1.0, 1.0, 1.0)


def test_data_in_a_subspace_arrive_exactly() -> None:
    """Three directions of channels and two of tokens, and a class token of its own in the same channels."""
    generator = Generator().manual_seed(3)
    channels = torch.randn(3, 16, generator=generator)
    patches = torch.randn(8, 2, 3, generator=generator)
    z = torch.cat([torch.randn(8, 1, 3, generator=generator), torch.randn(8, 2, generator=generator) @ patches], 1) @ channels
    codec = LowRank(CUT, tokens=3, width=3)
    torch.testing.assert_close(codec.decode(sent(codec, z).departed()).x, z, rtol=1e-4, atol=1e-4)
    smaller = LowRank(CUT, tokens=2, width=3)
    arrived = smaller.decode(sent(smaller, z)).x
    torch.testing.assert_close(arrived[:, 0], z[:, 0], rtol=1e-4, atol=1e-4)  # the class token does not depend on t
    assert float((arrived - z).norm()) > 0.1


def test_fixed_bases_travel_once() -> None:
    codec = LowRank(CUT, tokens=4, width=6)
    each = codec.manifest(8)
    assert (codec.one_off_bits, each.by_role["side"]) == (0, (8 * 3 + 16 * 6) * 32)
    codec.calibrate(X)
    assert (codec.one_off_bits, codec.manifest(8).by_role["side"]) == ((8 * 3 + 16 * 6) * 32, 0)
    payload = sent(codec, X.flip(0) + 1.0)
    assert set(payload.tensors) == {"values"}
    receiver = LowRank(CUT, tokens=4, width=6)
    receiver.load_state_dict(codec.state_dict())  # what a checkpoint holds
    assert torch.equal(receiver.decode(payload.departed()).x, codec.decode(payload).x)


@pytest.mark.parametrize("item", [(30,), (2, 3, 5), (1, 12)])
def test_rows_of_any_shape(item: tuple[int, ...]) -> None:
    x = torch.randn(12, *item, generator=Generator().manual_seed(1))
    codec = LowRank(Cut(item), xi=1.0)
    torch.testing.assert_close(codec.decode(sent(codec, x)).x, x, rtol=1e-4, atol=1e-5)


def test_impossible_knobs_are_refused() -> None:
    with pytest.raises(ValueError, match=r"xi must be at least 0\.0069, one number a sample"):
        LowRank(CUT, xi=0.001)
    with pytest.raises(ValueError, match="give either xi, or both tokens and width"):
        LowRank(CUT, tokens=4)
    with pytest.raises(ValueError, match=r"tokens must lie in \[1, 9\], got 10"):
        LowRank(CUT, tokens=10, width=2)
    with pytest.raises(ValueError, match="at most 4096 tokens and channels"):
        LowRank(Cut((37_824,)), xi=0.1)
