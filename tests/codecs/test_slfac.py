"""SL-FAC: spectra, sets of low and high frequencies, and messages of the size asked for."""

import math

import pytest
import torch
from torch import Generator, Tensor

from edgesim.codecs.base import Cut
from edgesim.codecs.parts.dct import token_basis
from edgesim.codecs.quantise import Quantise
from edgesim.codecs.slfac import FLOOR, SLFAC, low_counts
from edgesim.wire import Payload, Smashed

CUT = Cut((17, 6))
SMOOTH = torch.logspace(1, -2, 16)[:, None]  # energy falls with frequency


def tokens(batch: int = 8, seed: int = 0) -> Tensor:
    """Activations with smooth patch tokens on a 4 x 4 grid."""
    generator = Generator().manual_seed(seed)
    spectrum = torch.randn(batch, 16, 6, generator=generator) * SMOOTH
    first = torch.randn(batch, 1, 6, generator=generator)
    return torch.cat([first, token_basis(16).t().float() @ spectrum], 1)


def sent(codec: SLFAC, x: Tensor) -> Payload:
    return codec.encode(Smashed(x), Generator())


def test_golden_message() -> None:
    """DeiT-T, B = 64, 4 bits a value: what 64 192 16 of the class token and 32 + 192 (8 + 8 + 128) leave, over 64 samples."""
    manifest = SLFAC(Cut((197, 192)), xi=0.125).manifest(64)
    side = 32 + 192 * (8 + 2 * 4 + 2 * 2 * 32)
    first = 64 * 192 * 16
    frame = (64 * 37_824 * 4 - first - side) // 64
    assert manifest.by_role == {"values": 64 * frame + first, "side": side, "labels": 0, "model": 0}


def test_low_sets_hold_the_energy() -> None:
    energy = torch.tensor([[8.0, 0.0, 1.0], [1.0, 0.0, 1.0], [1.0, 0.0, 2.0]])
    assert low_counts(energy, 0.8).tolist() == [1, 1, 3]
    assert low_counts(energy, 0.85).tolist() == [2, 1, 3]
    assert low_counts(energy, 0.5).tolist() == [1, 1, 2]


def test_widths_follow_the_energy_density() -> None:
    """The rule of the docstring, worked out here by loops."""
    x = tokens()
    payload = sent(SLFAC(CUT, theta=0.9), x)
    energy = (token_basis(16) @ x[:, 1:].double()).square().sum(0)
    cuts = payload.tensors["cuts"].tolist()
    assert all(0 < cut < 16 for cut in cuts)
    sets = [(energy[:cut, c].mean(), energy[cut:, c].mean()) for c, cut in enumerate(cuts)]
    density = torch.tensor(sets, dtype=torch.float64) / (FLOOR * energy.mean())
    expected = (2 + 6 * density.log1p() / math.log1p(float(density.max()))).round()
    assert torch.equal(payload.tensors["widths"], expected.long())
    bits = sum(cut * low + (16 - cut) * high for cut, (low, high) in zip(cuts, expected.tolist(), strict=True))
    assert payload.manifest.fields[0].bits == 8 * bits


@pytest.mark.parametrize("xi", [0.05, 0.1, 0.25])
def test_the_target_is_kept_to(xi: float) -> None:
    ratio = SLFAC(Cut((197, 192)), xi=xi).ratios(64).paper_up
    assert ratio == pytest.approx(xi, rel=1e-4)
    assert ratio <= xi


def test_with_all_bits_only_rounding_is_left() -> None:
    """15 bits a coefficient: an orthonormal transform keeps the error of the coefficients."""
    codec, x = SLFAC(CUT, xi=0.9), tokens(64)
    error = codec.decode(sent(codec, x).departed()).x - x
    assert float(error.norm() / x.norm()) < 2e-4


def test_smooth_tokens_arrive_better_than_without_a_transform() -> None:
    """With the 3 bits a patch that the class token leaves of 4, against 3 bits with a range for each channel."""
    x, errors = tokens(64), []
    for codec in (SLFAC(CUT, xi=4 / 32), Quantise(CUT, bits=3, per="channel")):
        payload = codec.encode(Smashed(x), Generator())
        assert payload.manifest.fields[0].bits <= 64 * 17 * 6 * 3
        errors.append(float((codec.decode(payload).x - x)[:, 1:].square().sum()))
    assert errors[0] < 0.5 * errors[1], errors


def test_zero_is_on_every_grid() -> None:
    """A coefficient that is 0 in most samples stays 0 there, at any width."""
    spectrum = torch.zeros(8, 16, 6)
    spectrum[0] = torch.randn(16, 6, generator=Generator().manual_seed(2))
    spectrum[1] = -0.6 * spectrum[0]
    x = torch.cat([torch.zeros(8, 1, 6), token_basis(16).t().float() @ spectrum], 1)
    codec = SLFAC(CUT, xi=4 / 32)
    assert float(codec.decode(sent(codec, x)).x[2:].abs().max()) < 1e-6


@pytest.mark.parametrize("item", [(30,), (1, 30), (12, 5), (2, 3, 5), (17, 6), (2, 7)])
@pytest.mark.parametrize("scale", [1.0, 1e-9])
def test_rows_of_any_shape_and_scale(item: tuple[int, ...], scale: float) -> None:
    codec, x = SLFAC(Cut(item), xi=0.9), scale * torch.randn(16, *item, generator=Generator().manual_seed(1))
    arrived = codec.decode(sent(codec, x).departed()).x
    assert arrived.shape == x.shape
    assert float((arrived - x).norm() / x.norm()) < 1e-2


def test_nothing_comes_of_nothing() -> None:
    codec = SLFAC(CUT, xi=0.2)
    assert torch.equal(codec.decode(sent(codec, torch.zeros(4, 17, 6))).x, torch.zeros(4, 17, 6))


def test_gradients_pass_straight_through() -> None:
    x = tokens().requires_grad_()
    payload = sent(SLFAC(CUT, xi=0.1), x)
    assert payload.handle is not None
    y = torch.randn(x.shape, generator=Generator().manual_seed(1))
    [gradient] = torch.autograd.grad(payload.handle, x, y)
    assert torch.equal(gradient, y)


def test_impossible_ratios_name_what_is_possible() -> None:
    with pytest.raises(ValueError, match=r"xi must be above 0\.029, which the class token takes alone"):
        SLFAC(CUT, xi=0.02)
