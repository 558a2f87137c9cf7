"""Codebooks for short vectors: Lloyd's algorithm on many points, where words that nobody uses do no harm."""

import torch
from torch import Generator, Tensor

_CHUNK = 1 << 22  # distances at a time


def learn(vectors: Tensor, words: int, iterations: int, generator: Generator, *, most: int) -> Tensor:
    """A codebook [words, s] for vectors [V, s]: words start as rows drawn without replacement, then become means, in turn.

    A word without members stays what it was; k-means of clusters that must not be empty is in kmeans.py.

    words  1 <= words <= V
    most   vectors to learn from, at least `words`; where there are more, as many are drawn
    """
    drawn = torch.randperm(len(vectors), generator=generator, device=generator.device)[:most].to(vectors.device)
    points = vectors[drawn]
    book = points[:words]
    for _ in range(iterations if len(points) > words else 0):
        book = means(points, nearest(points, book), book)
    return book


def nearest(vectors: Tensor, book: Tensor) -> Tensor:
    """The word at the least Euclidean distance from each vector, [V] int64: argmin_l |c_l|^2 - 2 x c_l."""
    offset = book.square().sum(1)
    parts = torch.split(vectors, max(1, _CHUNK // len(book)))
    return torch.cat([(offset - 2.0 * part @ book.t()).argmin(1) for part in parts])


def means(vectors: Tensor, codes: Tensor, book: Tensor) -> Tensor:
    """The mean of the vectors of each word, [L, s]; the word itself where it has none."""
    sizes = codes.bincount(minlength=len(book))[:, None]
    totals = torch.zeros_like(book).index_add_(0, codes, vectors)
    return torch.where(sizes > 0, totals / sizes.clamp_min(1), book)


def learn_flops(vectors: int, width: int, words: int, iterations: int) -> float:
    """An iteration: products and comparisons V L (2 s + 2), sums V s. What is not drawn does not count."""
    return iterations * (nearest_flops(vectors, width, words) + float(vectors) * width) if vectors > words else 0.0


def nearest_flops(vectors: int, width: int, words: int) -> float:
    """V L (2 s + 2)."""
    return float(vectors) * words * (2.0 * width + 2.0)
