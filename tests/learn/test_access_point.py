"""Merging across clients: closed forms on samples whose clusters are known."""

import pytest
import torch
from torch import Generator

from edgesim.learn.access_point import AccessPoint
from edgesim.wire import Smashed

CLASSES, TOKENS, WIDTH = 3, 6, 4


def sample(x: torch.Tensor, label: int, scores: list[float], places: list[int]) -> Smashed:
    return Smashed(x[None], torch.tensor([label]), torch.tensor([scores]), positions=torch.tensor([places]))


def test_alike_samples_of_different_clients_become_one_and_share_its_gradient() -> None:
    """Two pairs alike within, far apart between; a token is the mean over those members that sent its place."""
    x = torch.arange(4 * 3 * WIDTH, dtype=torch.float32).reshape(4, 3, WIDTH).requires_grad_()
    arrived = [
        sample(x[0], 0, [0.2, 0.7, 0.1], [0, 1, 2]),
        sample(x[1], 1, [0.1, 0.2, 0.7], [0, 4, 5]),
        sample(x[2], 2, [0.2, 0.7, 0.1], [0, 1, 3]),  # alike the first, but its third token is another one
        sample(x[3], 1, [0.1, 0.2, 0.7], [0, 4, 5]),
    ]
    merged = AccessPoint(0.5, TOKENS, CLASSES).merged(arrived, Generator().manual_seed(0))
    assert merged.x.shape == (2, 3, WIDTH)
    assert merged.weight is not None
    assert merged.labels is not None
    assert merged.weight.tolist() == [0.5, 0.5]
    first = int(merged.labels[:, 1].argmin())  # of samples 0 and 2, one of class 0, one of class 2
    assert merged.labels[first].tolist() == [0.5, 0.0, 0.5]
    assert merged.labels[1 - first].tolist() == [0.0, 1.0, 0.0]
    assert torch.equal(merged.x[first, :2], (x[0, :2] + x[2, :2]) / 2)
    assert torch.equal(merged.x[first, 2], x[0, 2])  # place 2, of equal scores the lowest: one member sent it
    assert torch.equal(merged.x[1 - first], (x[1] + x[3]) / 2)
    merged.x.sum().backward()
    assert x.grad is not None
    assert x.grad[:, :, 0].tolist() == [[0.5, 0.5, 1.0], [0.5] * 3, [0.5, 0.5, 0.0], [0.5] * 3]


def test_the_loss_weighs_merged_samples_by_their_members() -> None:
    x = torch.randn(4, 2, WIDTH, generator=Generator().manual_seed(1))
    alike = [sample(x[place], 0, [0.5, 0.5], [0, 1]) for place in range(3)]
    merged = AccessPoint(0.5, TOKENS, CLASSES).merged([*alike, sample(x[3], 1, [0.5, 0.5], [0, 5])], Generator().manual_seed(0))
    assert merged.weight is not None
    assert sorted(merged.weight.tolist()) == [0.25, 0.75]


def test_a_codec_that_does_not_tell_its_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match="adc_tokens"):
        AccessPoint(0.5, TOKENS, CLASSES).merged([Smashed(torch.ones(2, 3, WIDTH))], Generator())


@pytest.mark.parametrize(("tokens", "comparisons"), [(16, 4), (17, 5)])
def test_its_work_by_hand(tokens: int, comparisons: int) -> None:
    """24 samples of attention to 12: k-means++ and 50 iterations (`kmeans_flops`), a ranking each, a mean and its adjoint."""
    start = 12 * (3 * 24 * tokens + 2 * 24)
    iteration = 3 * 24 * 12 * tokens + 24 * 12 + 24 * tokens + 4 * 12 * tokens
    expected = start + 50 * iteration + 12 * tokens * comparisons + 2 * 24 * 9 * 48
    assert AccessPoint(0.5, tokens, CLASSES).flops(24, 9, 48) == expected
