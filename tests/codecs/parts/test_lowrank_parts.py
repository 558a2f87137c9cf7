"""Low-rank approximations against the singular value decomposition (compression.md 7, oracle 10)."""

import pytest
import torch
from torch import Generator, Tensor

from edgesim.codecs.parts.lowrank import factors, leading_basis, rank_for_energy


def with_spectrum(rows: int, columns: int, values: list[float], seed: int = 0) -> Tensor:
    generator = Generator().manual_seed(seed)
    left = torch.linalg.qr(torch.randn(rows, len(values), generator=generator, dtype=torch.float64)).Q
    right = torch.linalg.qr(torch.randn(columns, len(values), generator=generator, dtype=torch.float64)).Q
    return left * torch.tensor(values, dtype=torch.float64) @ right.t()


@pytest.mark.parametrize("shape", [(40, 12), (12, 40)])
@pytest.mark.parametrize(("energy", "rank"), [(0.6, 1), (0.65, 2), (0.95, 2), (0.97, 3), (1.0, 4)])
def test_rank_for_energy(shape: tuple[int, int], energy: float, rank: int) -> None:
    """Squares 64, 32, 3, 1: shares 0.64, 0.96, 0.99, 1."""
    x = with_spectrum(*shape, [8.0, 32**0.5, 3**0.5, 1.0])
    assert rank_for_energy(x, energy if energy < 1.0 else 1.0 - 1e-9) == rank


def test_rank_of_nothing_is_one() -> None:
    assert rank_for_energy(torch.zeros(5, 3), 0.9) == 1


@pytest.mark.parametrize("shape", [(50, 10), (10, 50)])
def test_factors_of_a_matrix_of_that_rank_are_exact(shape: tuple[int, int]) -> None:
    x = with_spectrum(*shape, [5.0, 2.0, 1.0])
    p, q = factors(x, 3, 1, Generator().manual_seed(1))
    torch.testing.assert_close(p.t() @ p, torch.eye(3, dtype=torch.float64))
    torch.testing.assert_close(p @ q.t(), x)


@pytest.mark.parametrize("power", [-110, -40, 40, 120])
def test_the_size_of_values_does_not_matter(power: int) -> None:
    """Their squares are no numbers of float32."""
    x = with_spectrum(40, 12, [1.0, 0.5, 0.25]).float()
    p, q = factors(x, 2, 3, Generator().manual_seed(1))
    same, scaled = factors(x * 2.0**power, 2, 3, Generator().manual_seed(1))
    torch.testing.assert_close(same, p, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(scaled / 2.0**power, q, rtol=1e-4, atol=1e-5)


def test_more_rounds_reach_the_best_approximation() -> None:
    """Eckart and Young: the least squared error of rank r is the sum of the other squared singular values."""
    values = [10.0, 8.0, 6.0, 3.0, 2.0, 1.0]
    x = with_spectrum(60, 20, values)
    best = sum(value**2 for value in values[3:])
    errors = []
    for rounds in (1, 2, 8):
        p, q = factors(x, 3, rounds, Generator().manual_seed(2))
        errors.append(float((x - p @ q.t()).square().sum()))
    assert errors[0] > errors[1] > errors[2] >= best * (1 - 1e-9)
    assert errors[2] == pytest.approx(best, rel=1e-3)


@pytest.mark.parametrize("rank", [0, 3, 20])
def test_leading_basis_is_orthonormal_and_catches_most(rank: int) -> None:
    values = [10.0, 8.0, 6.0, 3.0, 2.0]
    x = with_spectrum(60, 20, values)
    basis = leading_basis(x, rank)
    assert basis.shape == (20, rank)
    torch.testing.assert_close(basis.t() @ basis, torch.eye(rank, dtype=torch.float64))
    missed = float((x - x @ basis @ basis.t()).square().sum())
    assert missed == pytest.approx(sum(value**2 for value in values[rank:]), abs=1e-9)
