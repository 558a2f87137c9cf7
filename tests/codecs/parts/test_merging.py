"""Token ranking and label shares on cases small enough to do by hand."""

import torch

from edgesim.codecs.parts.merging import best_positions, label_shares, mean_rows


def test_class_token_is_always_kept_and_never_ranked() -> None:
    scores = torch.tensor([[0.0, 0.1, 0.5, 0.4], [0.9, 0.05, 0.02, 0.03]])
    assert best_positions(scores, 1).tolist() == [[0], [0]]
    assert best_positions(scores, 2).tolist() == [[0, 2], [0, 1]]
    assert best_positions(scores, 3).tolist() == [[0, 2, 3], [0, 1, 3]]
    assert best_positions(scores, 4).tolist() == [[0, 1, 2, 3], [0, 1, 2, 3]]


def test_of_equal_scores_the_lowest_index_is_kept() -> None:
    """Long enough that an unstable sort would not keep the order by luck."""
    scores = torch.full((3, 500), 0.25)
    scores[:, 400] = 0.5
    assert best_positions(scores, 5).tolist() == [[0, 1, 2, 3, 400]] * 3


def test_mean_rows() -> None:
    rows = torch.tensor([[1.0, 0.0], [3.0, 0.0], [5.0, 6.0]])
    assert mean_rows(rows, torch.tensor([1, 1, 0]), torch.tensor([1, 2])).tolist() == [[5.0, 6.0], [2.0, 0.0]]


def test_label_shares() -> None:
    labels, assignment, sizes = torch.tensor([2, 2, 0, 1]), torch.tensor([0, 0, 0, 1]), torch.tensor([3, 1])
    expected = torch.tensor([[1 / 3, 0.0, 2 / 3], [0.0, 1.0, 0.0]])
    assert torch.equal(label_shares(labels, assignment, sizes, 3), expected)
