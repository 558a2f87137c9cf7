"""NSC-SL: ranks from bits and spectra, and errors against the best approximation."""

import pytest
import torch
from torch import Generator, Tensor

from edgesim.codecs.base import Cut
from edgesim.codecs.nscsl import NSCSL
from edgesim.wire import Payload, Smashed

CUT = Cut((9, 16))


def sent(codec: NSCSL, x: Tensor, seed: int = 0) -> Payload:
    return codec.encode(Smashed(x), Generator().manual_seed(seed))


def of_rank(rank: int, scale: float = 1.0) -> Tensor:
    generator = Generator().manual_seed(rank)
    return scale * (torch.randn(8 * 9, rank, generator=generator) @ torch.randn(rank, 16, generator=generator)).view(8, 9, 16)


def test_golden_rank() -> None:
    """compression.md 2.11: DeiT-T, B = 128: rank 19 has the ratio 0.0997."""
    codec = NSCSL(Cut((197, 192)), xi=0.1)
    assert codec.rank(128) == 19
    assert codec.ratios(128).paper_up == pytest.approx(0.0997, abs=5e-5)
    assert codec.manifest(128).by_role["values"] == 32 * 19 * (128 * 197 + 192)
    assert codec.manifest(128).by_role["side"] == 5  # the rank, 1 to 19
    assert NSCSL(Cut((197, 192)), xi=0.1, energy=1.0).manifest(128).bits == 32 * 19 * (128 * 197 + 192)


@pytest.mark.parametrize("xi", [0.1, 0.3, 0.6])
def test_the_ratio_is_never_above_the_target(xi: float) -> None:
    codec = NSCSL(Cut((197, 192)), xi=xi)
    assert xi - 1.02 / 192 < codec.ratios(128).paper_up <= xi


@pytest.mark.parametrize("rank", [1, 3])
@pytest.mark.parametrize("feedback", ["inner", "off"])
def test_data_of_low_rank_arrive_and_take_no_more_than_they_need(rank: int, feedback: str) -> None:
    codec, x = NSCSL(CUT, xi=0.6, energy=1.0 - 1e-6, feedback=feedback), of_rank(rank)  # type: ignore[arg-type]  # a Literal
    payload = sent(codec, x)
    assert payload.tensors["left"].shape == (72, rank)
    assert payload.manifest.bits == 32 * rank * (72 + 16) + 3 < codec.manifest(8).bits
    torch.testing.assert_close(codec.decode(payload.departed()).x, x, rtol=1e-4, atol=1e-4)


def test_all_the_energy_is_a_fixed_size() -> None:
    codec = NSCSL(CUT, xi=0.3, energy=1.0)
    assert codec.fixed_size
    assert sent(codec, of_rank(1)).manifest == codec.manifest(8)
    assert not NSCSL(CUT, xi=0.3).fixed_size


def test_error_is_near_the_best() -> None:
    """Eckart and Young bound it from below; more rounds come nearer."""
    spectrum = torch.logspace(0, -1, 16)
    x = (torch.randn(72, 16, generator=Generator().manual_seed(0)) * spectrum).view(8, 9, 16)
    values = torch.linalg.svdvals(x.view(72, 16))
    rank = NSCSL(CUT, xi=0.5).rank(8)
    best = float(values[rank:].square().sum())

    def mean_error(**knobs: object) -> float:
        codec = NSCSL(CUT, xi=0.5, energy=1.0, **knobs)  # type: ignore[arg-type]  # knobs of a test
        errors = [float((codec.decode(sent(codec, x, seed)).x - x).square().sum()) for seed in range(20)]
        assert min(errors) >= best * (1 - 1e-5)
        return sum(errors) / len(errors)

    assert mean_error(rounds=12, feedback="off") == pytest.approx(best, rel=0.02)
    assert mean_error(rounds=12) == pytest.approx(best, rel=0.05)
    assert best < mean_error() < mean_error(rounds=1)


def test_feedback_adds_ranks_that_the_first_factors_left_out() -> None:
    """The residual X - P P^t X is orthogonal to P, so both together are one basis and X' one projection."""
    payload = sent(NSCSL(CUT, xi=0.5, extra=2), of_rank(16))
    left = payload.tensors["left"]
    assert left.shape[1] == 6
    torch.testing.assert_close(left.t() @ left, torch.eye(6), rtol=0, atol=1e-5)
    alone = sent(NSCSL(CUT, xi=0.5, feedback="off"), of_rank(16)).tensors["left"]
    assert alone.shape == left.shape  # the same bits


@pytest.mark.parametrize("scale", [1e-12, 0.0])
def test_tiny_gradients(scale: float) -> None:
    codec, x = NSCSL(CUT, xi=0.5), of_rank(2, scale)
    torch.testing.assert_close(codec.decode(sent(codec, x)).x, x, rtol=1e-3, atol=1e-3 * scale)


def test_gradients_pass_straight_through() -> None:
    x = of_rank(5).requires_grad_()
    payload = sent(NSCSL(CUT, xi=0.2), x)
    assert payload.handle is not None
    y = torch.randn(x.shape, generator=Generator().manual_seed(1))
    [gradient] = torch.autograd.grad(payload.handle, x, y)
    assert torch.equal(gradient, y)


def test_impossible_ratios_name_what_is_possible() -> None:
    with pytest.raises(ValueError, match=r"xi must be above 0\.062, one rank of 16"):
        NSCSL(CUT, xi=0.05)
