"""What arrives: noise and gain per block, shares of blocks, edge cases."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from channels import Draws, theory
from channels.equalise import equalisation, shares, transmit

SIGMA = 4.5
LINE = np.array([math.inf])


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def flat(*snr: float, seconds: list[float] | None = None) -> Draws:
    """A realisation with these SNRs; blocks of one second."""
    values = np.array(snr)
    return Draws(np.ones_like(values), values, np.array(seconds or [1.0] * len(snr)))


@pytest.mark.parametrize("snr", [0.01, 1.0, 10.0, 1000.0])
@pytest.mark.parametrize(("equaliser", "expected"), [("zf", theory.zf_distortion), ("mmse", theory.mmse_distortion)])
def test_distortion_of_gaussian_values(snr: float, equaliser: str, expected) -> None:
    """The error is normal with variance D, so the mean of n squares lies within 4.5 D sqrt(2/n): 1 % for n = 4e5."""
    values = 400_000
    x = torch.randn(values, generator=seeded(1))
    error = (transmit(x, flat(snr), seeded(2), equaliser) - x).double()
    assert float(error.square().mean()) == pytest.approx(expected(snr), rel=SIGMA * math.sqrt(2.0 / values))


@pytest.mark.parametrize("snr", [0.5, 10.0])
def test_mmse_is_scaled_zero_forcing(snr: float) -> None:
    """w = snr/(1 + snr) (x + n) with the same noise n."""
    x = torch.randn(1000, generator=seeded(1), dtype=torch.float64)
    zf, mmse = (transmit(x, flat(snr), seeded(2), equaliser) for equaliser in ("zf", "mmse"))
    torch.testing.assert_close(mmse, zf * snr / (1.0 + snr))


def test_shares_follow_the_seconds_in_whole_symbols() -> None:
    assert shares(np.array([1.0, 1.0, 2.0]), 16).tolist() == [4, 4, 8]
    assert shares(np.array([1.0, 1.0, 2.0]), 7).tolist() == [2, 2, 3]  # the last symbol carries one value
    assert shares(np.array([3.0, 1.0]), 2).tolist() == [2, 0]
    assert shares(np.array([0.0, 1.0]), 6).tolist() == [0, 6]
    assert shares(LINE, 5).tolist() == [5]
    assert shares(np.array([0.0]), 5).tolist() == [5]


@settings(max_examples=200)
@given(st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=30), st.integers(0, 10_000))
def test_shares_deal_out_every_value(seconds: list[float], values: int) -> None:
    dealt = shares(np.array(seconds), values)
    assert dealt.sum() == values
    assert (dealt >= 0).all()
    assert (np.cumsum(dealt)[:-1] % 2 == 0).all() or values % 2  # no symbol is split between two blocks
    fair = np.cumsum(seconds) / np.sum(seconds) * values
    assert np.abs(np.cumsum(dealt) - fair).max() <= 2.0


@pytest.mark.parametrize("equaliser", ["zf", "mmse"])
def test_each_block_has_its_own_snr(equaliser: str) -> None:
    """Blocks of 1, 1 and 2 s carry the first, second and last two quarters of the values, in memory order."""
    values = 400_000
    x = torch.randn(4, values // 4, generator=seeded(1))
    error = (transmit(x, flat(1.0, 100.0, 4.0, seconds=[1.0, 1.0, 2.0]), seeded(2), equaliser) - x).double()
    expected = theory.zf_distortion if equaliser == "zf" else theory.mmse_distortion
    for row, snr in enumerate([1.0, 100.0, 4.0, 4.0]):
        realised = float(error[row].square().mean())
        assert realised == pytest.approx(expected(snr), rel=SIGMA * math.sqrt(8.0 / values))


def test_the_gradient_is_the_scale_of_the_block() -> None:
    snr = [1.0, 3.0, 9.0]
    x = torch.randn(12, generator=seeded(1)).requires_grad_()
    draws = flat(*snr, seconds=[1.0, 1.0, 4.0])  # 1, 1 and 4 of the 6 symbols
    [zf] = torch.autograd.grad(transmit(x, draws, seeded(2), "zf").sum(), x)
    [mmse] = torch.autograd.grad(transmit(x, draws, seeded(2), "mmse").sum(), x)
    assert zf.tolist() == [1.0] * 12
    torch.testing.assert_close(mmse, torch.tensor([0.5] * 2 + [0.75] * 2 + [0.9] * 8))


def test_noise_does_not_depend_on_the_values_or_their_memory() -> None:
    """Noise is a constant of the graph; a transposed view is sent in its logical order."""
    x = torch.randn(6, 4, generator=seeded(1), dtype=torch.float64)
    noise = transmit(torch.zeros_like(x), flat(2.0, 8.0), seeded(2), "zf")
    torch.testing.assert_close(transmit(x.T.contiguous().T, flat(2.0, 8.0), seeded(2), "zf"), x + noise)


def test_half_precision_is_computed_in_single() -> None:
    """Same noise as in float32; only the result is rounded."""
    x = torch.randn(1000, generator=seeded(1)).half()
    for equaliser in ("zf", "mmse"):
        for draws in (flat(5.0), flat(1.0, 20.0)):
            single = transmit(x.float(), draws, seeded(2), equaliser)
            torch.testing.assert_close(transmit(x, draws, seeded(2), equaliser), single.half(), rtol=0.0, atol=0.0)


def test_one_block_or_the_same_block_in_pieces() -> None:
    x = torch.randn(10_000, generator=seeded(1))
    for equaliser in ("zf", "mmse"):
        whole = transmit(x, flat(6.0), seeded(2), equaliser)
        torch.testing.assert_close(transmit(x, flat(6.0, 6.0, 6.0), seeded(2), equaliser), whole)


def test_without_noise_the_values_themselves_come_back() -> None:
    x = torch.randn(7, generator=seeded(1))
    generator = seeded(2)
    before = generator.get_state()
    for draws in (Draws(np.ones(1), LINE, LINE), flat(math.inf, math.inf)):
        assert transmit(x, draws, generator, "zf") is x
        assert transmit(x, draws, generator, "mmse") is x
    assert torch.equal(generator.get_state(), before)


def test_perfect_blocks_among_noisy_ones_are_exact() -> None:
    x = torch.randn(8, generator=seeded(1))
    for equaliser in ("zf", "mmse"):
        y = transmit(x, flat(math.inf, 1.0), seeded(2), equaliser)
        assert torch.equal(y[:4], x[:4])
        assert (y[4:] != x[4:]).all()


def test_a_dead_block() -> None:
    """Zero forcing cannot undo a gain of zero; MMSE gives the mean of the values, zero."""
    x = torch.randn(8, generator=seeded(1))
    with pytest.raises(ValueError, match="SNR 0"):
        transmit(x, flat(1.0, 0.0), seeded(2), "zf")
    assert transmit(x, flat(1.0, 0.0), seeded(2), "mmse")[4:].tolist() == [0.0] * 4


def test_a_nan_stays_where_it_is() -> None:
    x = torch.tensor([1.0, math.nan, 3.0, 4.0, 5.0])
    for equaliser in ("zf", "mmse"):
        for draws in (flat(5.0), flat(5.0, 1.0)):
            assert transmit(x, draws, seeded(), equaliser).isnan().tolist() == [False, True, False, False, False]


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 0, 5), (0,)])
def test_odd_and_empty_shapes(shape: tuple[int, ...]) -> None:
    for draws in (flat(5.0), flat(5.0, 1.0)):
        assert transmit(torch.ones(shape), draws, seeded(), "mmse").shape == shape


@pytest.mark.parametrize("snr", [-1.0, math.nan])
def test_an_impossible_snr_is_refused(snr: float) -> None:
    with pytest.raises(ValueError, match="SNR must not be"):
        equalisation(np.array([1.0, snr]), "mmse")


def test_integers_are_refused() -> None:
    with pytest.raises(TypeError, match=r"torch\.int64"):
        transmit(torch.ones(4, dtype=torch.int64), flat(1.0), seeded(), "zf")


@pytest.mark.parametrize("seconds", [[0.0, 0.0], [1.0, math.inf]])
def test_blocks_without_shares_are_refused(seconds: list[float]) -> None:
    with pytest.raises(ValueError, match="no shares"):
        transmit(torch.ones(4), flat(1.0, 2.0, seconds=seconds), seeded(), "zf")
