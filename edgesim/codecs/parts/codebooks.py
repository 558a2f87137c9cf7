"""Codebooks for short vectors: Lloyd's algorithm on many points, where words that nobody uses do no harm.

Several groups of vectors, each with a book of its own, are worked on at once.
"""

import math

import torch
from torch import Generator, Tensor

_CHUNK = 1 << 20  # distances at a time: they stay in the processor's cache


def learn(vectors: Tensor, words: int, iterations: int, generator: Generator, *, most: int) -> Tensor:
    """Books [R, words, s] for vectors [R, V, s]: words start as vectors drawn without replacement, then become means, in turn.

    A word without members stays what it was; k-means of clusters that must not be empty is in kmeans.py.

    words  1 <= words <= V
    most   vectors of a group to learn from, at least `words`; where there are more, as many are drawn, the same of each group
    """
    drawn = torch.randperm(vectors.shape[1], generator=generator, device=generator.device)[:most].to(vectors.device)
    points = vectors.index_select(1, drawn)
    book = points[:, :words]
    for _ in range(iterations if points.shape[1] > words else 0):
        book = means(points, nearest(points, book), book)
    return book


def nearest(vectors: Tensor, book: Tensor) -> Tensor:
    """The word at the least Euclidean distance from each vector, [R, V] int64: argmin_l |c_l|^2 - 2 x c_l.

    Numbers (s = 1) are looked up among the middles between neighbouring words.

    vectors  [R, V, s]
    book     [R, L, s]
    """
    if book.shape[2] == 1:
        ordered, places = book[:, :, 0].sort(dim=1)
        middles = (ordered[:, 1:] + ordered[:, :-1]) / 2.0
        return places.gather(1, torch.searchsorted(middles.contiguous(), vectors[:, :, 0].contiguous()))
    groups, words = book.shape[:2]
    offset = book.square().sum(2)[:, None]  # [R, 1, L]
    doubled = -2.0 * book.transpose(1, 2)
    parts = torch.split(vectors, max(1, _CHUNK // (groups * words)), dim=1)
    return torch.cat([_least(torch.baddbmm(offset, part, doubled)) for part in parts], dim=1)


def _least(distances: Tensor) -> Tensor:
    """Place of the least on the last axis, the first of equals. On a processor NumPy finds it several times as fast."""
    return distances.argmin(2) if distances.is_cuda else torch.from_numpy(distances.numpy().argmin(2))


def means(vectors: Tensor, codes: Tensor, book: Tensor) -> Tensor:
    """The mean of the vectors of each word, [R, L, s]; the word itself where it has none."""
    groups, words, width = book.shape
    numbers = (codes + words * torch.arange(groups, device=codes.device)[:, None]).flatten()  # among all books
    sizes = numbers.bincount(minlength=groups * words)[:, None]
    totals = vectors.new_zeros(groups * words, width).index_add_(0, numbers, vectors.reshape(-1, width))
    return torch.where(sizes > 0, totals / sizes.clamp_min(1), book.reshape(-1, width)).view_as(book)


def learn_flops(vectors: int, width: int, words: int, iterations: int) -> float:
    """An iteration: `nearest_flops`, and sums V s. What is not drawn does not count."""
    return iterations * (nearest_flops(vectors, width, words) + float(vectors) * width) if vectors > words else 0.0


def nearest_flops(vectors: int, width: int, words: int) -> float:
    """V L (2 s + 2) for products and comparisons; (V + L) ceil(log2 L) comparisons for numbers (s = 1)."""
    if width == 1:
        return float(vectors + words) * math.ceil(math.log2(words))
    return float(vectors) * words * (2.0 * width + 2.0)
