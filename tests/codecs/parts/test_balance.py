"""How ADC shares xi: the pairs to choose from, and what they are measured by."""

import pytest
import torch
from torch import Generator
from torch.nn.functional import softmax

from edgesim.codecs.parts.balance import Pair, fidelity, pairs, patch_scores
from edgesim.codecs.parts.kmeans import Clusters, kmeans
from edgesim.codecs.parts.merging import best_positions


@pytest.mark.parametrize("xi", [0.01, 0.05, 0.1, 0.2, 0.5, 0.9])
def test_measured_pairs_cost_almost_the_same_and_never_more_than_asked_for(xi: float) -> None:
    found = pairs("measured", xi, 128, 197)
    assert len(found) == 5
    for pair in found:
        assert pair.rows == pair.clusters * pair.tokens <= xi * 128 * 197
        assert pair.rows > 0.95 * xi * 128 * 197 - pair.tokens  # less than one more cluster would fit, up to a full batch
    assert [pair.tokens for pair in found] == sorted(pair.tokens for pair in found)


def test_the_fixed_splits_are_among_the_measured_ones() -> None:
    """k is that of `fifth` and of `sqrt`; T may be larger, by what their rounding leaves unused."""
    measured = {pair.tokens: pair.clusters for pair in pairs("measured", 0.1, 128, 197)}
    for split in ("fifth", "sqrt"):
        [(clusters, tokens)] = pairs(split, 0.1, 128, 197)
        assert clusters <= measured[tokens] <= clusters + 1


@pytest.mark.parametrize(("xi", "batch"), [(1.0, 8), (0.3, 1), (0.001, 2)])
def test_where_there_is_nothing_to_choose(xi: float, batch: int) -> None:
    for clusters, tokens in pairs("measured", xi, batch, 9):
        assert 1 <= clusters <= batch
        assert 1 <= tokens <= 9
        assert clusters * tokens <= max(1.0, xi * batch * 9)
    assert pairs("measured", 1.0, 8, 9) == (Pair(8, 9),)


def test_patch_scores_leave_out_the_attention_to_itself() -> None:
    scores = torch.tensor([[0.2, 0.6, 0.2], [0.8, 0.15, 0.05], [1.0, 0.0, 0.0]])
    expected = torch.tensor([[0.0, 0.75, 0.25], [0.0, 0.75, 0.25], [0.0, 0.5, 0.5]])  # the last looks at no patch: at all alike
    torch.testing.assert_close(patch_scores(scores), expected)


def test_fidelity_by_hand() -> None:
    """Keys 0, 2 | 10, 12: within 4 of 104 in all. Of each sample's attention 0.5 + 0.4 is on what is kept: (1 + 0.9) / 2."""
    keys = torch.tensor([[0.0], [2.0], [10.0], [12.0]])
    clusters = Clusters(torch.tensor([0, 0, 1, 1]), torch.tensor([2, 2]), torch.tensor([[1.0], [11.0]]))
    scores = torch.tensor([[0.5, 0.4, 0.1], [0.5, 0.4, 0.1], [0.5, 0.1, 0.4], [0.5, 0.1, 0.4]])
    positions = torch.tensor([[0, 1], [0, 2]])
    torch.testing.assert_close(fidelity(keys, scores, clusters, positions), torch.tensor(100 / 104 * 0.95))
    alike = Clusters(clusters.assignment, clusters.sizes, torch.zeros(2, 1))
    torch.testing.assert_close(fidelity(torch.zeros(4, 1), scores, alike, positions), torch.tensor(0.95))
    alone = torch.tensor([[0], [0]])
    torch.testing.assert_close(fidelity(torch.zeros(4, 1), scores, alike, alone), torch.tensor(0.75))


def test_fidelity_is_one_where_nothing_is_lost_and_falls_with_either_loss() -> None:
    keys = torch.randn(12, 9, generator=Generator().manual_seed(0))
    scores = softmax(torch.randn(12, 9, generator=Generator().manual_seed(1)), -1)
    found = {}
    for count in (12, 6, 3):
        clusters = kmeans(keys, count, Generator().manual_seed(2), init="kmeans++")
        ranking = scores.new_zeros(count, 9).index_add_(0, clusters.assignment, scores)
        found |= {(count, k): float(fidelity(keys, scores, clusters, best_positions(ranking, k))) for k in (9, 5, 2)}
    assert found[12, 9] == pytest.approx(1.0)
    for count in (12, 6, 3):
        assert found[count, 9] > found[count, 5] > found[count, 2]
    for k in (9, 5):
        assert found[12, k] > found[6, k] > found[3, k]
