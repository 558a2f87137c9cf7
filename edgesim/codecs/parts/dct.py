"""The orthonormal discrete cosine transform of a sequence or a square grid of tokens."""

import math
from functools import cache

import torch
from torch import Tensor


def side_of(tokens: int) -> int | None:
    """The side of the square grid that `tokens` tokens make, None if they make none."""
    side = math.isqrt(tokens)
    return side if side * side == tokens and side > 1 else None


@cache
def dct_matrix(size: int) -> Tensor:
    """C of the orthonormal DCT-II, y = C x: C_ki = sqrt((2 - [k = 0]) / N) cos(pi k (2 i + 1) / (2 N)).

    Its inverse is its transpose. Source: N. Ahmed, T. Natarajan and K. Rao, Discrete cosine transform, IEEE Trans. Computers
    C-23(1), 1974, in orthonormal scaling. Returns [size, size] float64, shared between callers.

    >>> dct_matrix(2).round(decimals=4).tolist()
    [[0.7071, 0.7071], [0.7071, -0.7071]]
    """
    place = torch.arange(size, dtype=torch.float64)
    angles = math.pi * place[:, None] * (2.0 * place + 1.0) / (2.0 * size)
    scale = torch.full((size, 1), math.sqrt(2.0 / size), dtype=torch.float64)
    scale[0] = math.sqrt(1.0 / size)
    return scale * angles.cos()


@cache
def zigzag(side: int) -> tuple[int, ...]:
    """Places k = row side + column of a square grid from low to high frequency, along antidiagonals of alternating direction.

    >>> zigzag(3)
    (0, 1, 3, 6, 4, 2, 5, 7, 8)
    """

    def rank(place: int) -> tuple[int, int]:
        row, column = divmod(place, side)
        return row + column, row if (row + column) % 2 else column

    return tuple(sorted(range(side * side), key=rank))


@cache
def token_basis(tokens: int) -> Tensor:
    """The transform over tokens with rows from low to high frequency: in two dimensions on a square grid, else in one.

    Returns [tokens, tokens] float64, orthonormal: y = T x has the inverse x = T^t y, which is its adjoint as well.
    """
    side = side_of(tokens)
    if side is None:
        return dct_matrix(tokens)
    return torch.kron(dct_matrix(side), dct_matrix(side))[list(zigzag(side))]
