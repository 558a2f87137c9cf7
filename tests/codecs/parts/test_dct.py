"""The cosine transform against its definition, SciPy-free closed forms and its own transpose (compression.md 7, oracle 10)."""

import math

import pytest
import torch
from torch import Generator

from edgesim.codecs.parts.dct import dct_matrix, side_of, token_basis, zigzag


@pytest.mark.parametrize("size", [1, 2, 7, 14, 196])
def test_orthonormal(size: int) -> None:
    matrix = dct_matrix(size)
    torch.testing.assert_close(matrix @ matrix.t(), torch.eye(size, dtype=torch.float64), rtol=0, atol=1e-12)


@pytest.mark.parametrize("tokens", [1, 2, 16, 61, 196])
def test_token_basis_is_orthonormal_and_its_transpose_its_adjoint(tokens: int) -> None:
    basis, generator = token_basis(tokens), Generator().manual_seed(tokens)
    x, y = torch.randn(2, tokens, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(basis.t() @ (basis @ x), x)
    torch.testing.assert_close((basis @ x) @ y, x @ (basis.t() @ y))


def test_a_cosine_is_one_coefficient() -> None:
    size, frequency = 12, 5
    wave = torch.cos(math.pi * frequency * (2.0 * torch.arange(size, dtype=torch.float64) + 1.0) / (2.0 * size))
    expected = torch.zeros(size, dtype=torch.float64)
    expected[frequency] = math.sqrt(size / 2.0)
    torch.testing.assert_close(dct_matrix(size) @ wave, expected, rtol=0, atol=1e-12)


def test_a_grid_is_transformed_in_rows_and_columns_from_low_to_high() -> None:
    side = 4
    grid = torch.randn(side, side, generator=Generator().manual_seed(0), dtype=torch.float64)
    both = dct_matrix(side) @ grid @ dct_matrix(side).t()
    torch.testing.assert_close(token_basis(side * side) @ grid.flatten(), both.flatten()[list(zigzag(side))])


def test_a_constant_has_its_energy_in_the_first() -> None:
    for tokens in (16, 15):
        coefficients = token_basis(tokens) @ torch.ones(tokens, dtype=torch.float64)
        assert float(coefficients[0]) == pytest.approx(math.sqrt(tokens))
        assert float(coefficients[1:].abs().max()) < 1e-12


def test_zigzag_of_jpeg() -> None:
    """The first and last places of the 8 x 8 order of ITU-T T.81, figure 5."""
    order = zigzag(8)
    assert order[:10] == (0, 1, 8, 16, 9, 2, 3, 10, 17, 24)
    assert order[-4:] == (47, 55, 62, 63)
    assert sorted(order) == list(range(64))
    assert order[-1] == 63


def test_sides() -> None:
    assert [side_of(tokens) for tokens in (196, 16, 15, 2, 1, 0)] == [14, 4, None, None, None, None]
