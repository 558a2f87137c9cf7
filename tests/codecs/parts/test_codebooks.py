"""Codebooks: nearest words by brute force, Lloyd's descent, and words that nobody uses."""

import pytest
import torch
from torch import Generator

from edgesim.codecs.parts.codebooks import learn, means, nearest

POINTS = torch.randn(1, 500, 3, generator=Generator().manual_seed(0))


@pytest.mark.parametrize("width", [1, 2, 5])
@pytest.mark.parametrize("words", [1, 2, 20])
def test_nearest_is_what_all_distances_say(width: int, words: int) -> None:
    vectors = torch.randn(3, 400, width, generator=Generator().manual_seed(width))
    book = vectors[:, 100 : 100 + words]
    distances = (vectors[:, :, None] - book[:, None]).square().sum(3)
    assert torch.equal(nearest(vectors, book), distances.argmin(2))


def test_every_group_has_a_book_of_its_own() -> None:
    """Learned together or alone: the same vectors of each group are drawn."""
    vectors = torch.randn(3, 400, 2, generator=Generator().manual_seed(2))
    together = learn(vectors, 8, 5, Generator().manual_seed(1), most=100)
    alone = torch.cat([learn(group[None], 8, 5, Generator().manual_seed(1), most=100) for group in vectors])
    torch.testing.assert_close(together, alone)


def test_means_and_words_without_members() -> None:
    vectors, book = torch.tensor([[[0.0], [2.0], [9.0]]]), torch.tensor([[[1.0], [8.0], [-50.0]]])
    assert means(vectors, nearest(vectors, book), book).tolist() == [[[1.0], [9.0], [-50.0]]]


def test_every_iteration_lowers_the_error() -> None:
    errors = []
    for iterations in (0, 1, 3, 10):
        book = learn(POINTS, 16, iterations, Generator().manual_seed(1), most=500)
        errors.append(float((POINTS[0] - book[0, nearest(POINTS, book)[0]]).square().sum()))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.9 * errors[0]


def test_as_many_words_as_vectors_are_the_vectors() -> None:
    book = learn(POINTS[:, :40], 40, 5, Generator().manual_seed(1), most=64)
    assert torch.equal(book.sort(1).values, POINTS[:, :40].sort(1).values)


def test_equal_vectors_leave_words_unused() -> None:
    book = learn(torch.ones(1, 50, 2), 8, 5, Generator().manual_seed(1), most=50)
    assert torch.equal(book, torch.ones(1, 8, 2))


def test_no_more_than_asked_are_learned_from() -> None:
    """With as many vectors as words drawn, the words are rows."""
    book = learn(POINTS, 16, 5, Generator().manual_seed(1), most=16)
    assert (book[0, :, None] == POINTS[0]).all(2).any(1).all()
