"""Approximations of low rank: how many ranks hold the energy, iterations that find them, and leading bases."""

import torch
from torch import Generator, Tensor


def rank_for_energy(x: Tensor, energy: float) -> int:
    """min{r : sum_{i <= r} s_i^2 >= energy sum_i s_i^2} over the singular values s_i of x [M, p]; at least 1.

    s_i^2 are the eigenvalues of the smaller of the Gram matrices x^t x and x x^t, in float64.
    """
    values = torch.linalg.eigvalsh(_gram(x)).flip(0).clamp_min(0.0)  # descending
    kept = values.cumsum(0)
    return max(1, int((kept < energy * kept[-1]).sum()) + 1) if float(kept[-1]) > 0.0 else 1


def factors(x: Tensor, rank: int, rounds: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """P [M, r] with orthonormal columns and Q [p, r] with P Q^t near the best approximation of x [M, p] of rank r.

    Alternating orthogonal iteration, P <- orth(x Q), Q <- x^t P, from a Gaussian Q; so P Q^t = P P^t x, a projection.
    Sources: compression.md 2.11; N. Halko, P.-G. Martinsson and J. Tropp, SIAM Review 53(2), 2011, algorithm 4.4, for the
    start and the error of few rounds. x is scaled by a power of two meanwhile, as its square may be beyond float32.

    rank    1 <= r <= min(M, p)
    rounds  at least 1
    """
    start = torch.randn(x.shape[1], rank, generator=generator, device=generator.device)
    q = start.to(x)
    exponent = x.abs().amax().frexp().exponent.clamp(-100, 100)  # 2^100 and its inverse are numbers of float32
    scaled = x.ldexp(-exponent)
    for _ in range(rounds):
        p = torch.linalg.qr(scaled @ q).Q  # [M, r]
        q = scaled.t() @ p  # [p, r]
    return p, q.ldexp(exponent)


def factor_flops(rows: int, columns: int, rank: int, rounds: int) -> float:
    """A round: two products 2 M p r each, and a QR decomposition 4 M r^2 (Householder, with Q formed; G. Golub and C. Van
    Loan, Matrix Computations, 4th ed., section 5.2.2, leading term for M >> r)."""
    return rounds * (4.0 * rows * columns * rank + 4.0 * rows * rank**2)


def leading_basis(x: Tensor, rank: int) -> Tensor:
    """The `rank` leading right singular vectors of x [M, p], [p, rank] orthonormal, also where x has less rank.

    Eigenvectors of x^t x in float64, in the dtype of x.
    """
    wide = x.double()
    vectors: Tensor = torch.linalg.eigh(wide.t() @ wide).eigenvectors  # ascending
    return vectors.flip(1)[:, :rank].to(x.dtype)


def eigen_flops(size: int) -> float:
    """A symmetric eigenvalue problem with vectors, 9 m^3 (G. Golub and C. Van Loan, Matrix Computations, 4th ed., section
    8.3.3: symmetric QR)."""
    return 9.0 * float(size) ** 3


def _gram(x: Tensor) -> Tensor:
    wide = x.double()
    return wide.t() @ wide if len(x) >= x.shape[1] else wide @ wide.t()
