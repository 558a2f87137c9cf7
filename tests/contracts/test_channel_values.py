"""The contract of every channel with values of any kind: not finite, nothing but zeros, any layout and precision."""

import math

import numpy as np
import pytest
import torch

from tests.contracts.test_channels import KINDS, build, marked, seeded

pytestmark = pytest.mark.parametrize("kind", [marked(kind) for kind in sorted(KINDS)])


@pytest.mark.parametrize("equaliser", ["zf", "mmse"])
@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_harms_no_other(kind: str, equaliser: str, wrong: float) -> None:
    """It arrives as what it is, and the others as they would without it; or the channel says that it cannot send it."""
    channel = build(kind)
    draws = channel.draws(0.0, 3, key=0).during(0.0025)
    x = torch.randn(4, 6, generator=seeded())
    clean = channel.apply(x, draws, seeded(1), equaliser=equaliser)
    x[1, 2] = wrong
    if channel.own_scale:
        with pytest.raises(ValueError, match="not finite"):
            channel.apply(x, draws, seeded(1), equaliser=equaliser)
        return
    arrived = channel.apply(x, draws, seeded(1), equaliser=equaliser)
    others = torch.ones_like(x, dtype=torch.bool)
    others[1, 2] = False
    assert torch.equal(arrived[others], clean[others])
    assert math.isnan(arrived[1, 2]) if math.isnan(wrong) else arrived[1, 2] == wrong


@pytest.mark.parametrize("equaliser", ["zf", "mmse"])
def test_nothing_but_zeros_arrives_as_noise(kind: str, equaliser: str) -> None:
    channel = build(kind)
    draws = channel.draws(0.0, 3, key=0).during(0.0025)
    y = channel.apply(torch.zeros(5, 40), draws, seeded(), equaliser=equaliser)
    assert torch.isfinite(y).all()
    assert bool(y.any()) == (np.isfinite(draws.snr).all() and not channel.own_scale)


def test_a_layout_in_memory_does_not_matter(kind: str) -> None:
    """Transposed, sliced and broadcast tensors are sent in their logical order."""
    channel = build(kind)
    draws = channel.draws(0.0, 3, key=0).during(0.0025)
    x = torch.randn(6, 8, generator=seeded())
    for view in (x.T, x[:, ::2], x[1].expand(4, 8), x.view(2, 3, 8).permute(2, 0, 1)):
        expected = channel.apply(view.contiguous(), draws, seeded(3))
        torch.testing.assert_close(channel.apply(view, draws, seeded(3)), expected, rtol=1e-6, atol=1e-6)  # sums may round


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_single_precision_rounded(kind: str, dtype: torch.dtype) -> None:
    channel = build(kind)
    draws = channel.draws(0.0, 3, key=0).during(0.0025)
    x = torch.randn(300, generator=seeded()).to(dtype)
    for equaliser in ("zf", "mmse"):
        single = channel.apply(x.float(), draws, seeded(3), equaliser=equaliser)
        assert torch.equal(channel.apply(x, draws, seeded(3), equaliser=equaliser), single.to(dtype))


def test_whole_numbers_are_refused(kind: str) -> None:
    channel = build(kind)
    with pytest.raises(TypeError, match="floating point"):
        channel.apply(torch.arange(4), channel.draws(0.0, 1, key=0), seeded())
