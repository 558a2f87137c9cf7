"""Drawing columns: probabilities by water-filling, and a draw that keeps to them with a fixed number."""

import pytest
import torch
from torch import Generator

from edgesim.codecs.parts.sampling import inclusion, systematic

WEIGHTS = torch.tensor([9.0, 0.2, 1.0, 3.0, 0.5, 1.0, 0.0], dtype=torch.float64)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 6, 7])
def test_inclusion_is_proportional_below_one(count: int) -> None:
    chances = inclusion(WEIGHTS, count)
    assert ((chances >= 0) & (chances <= 1)).all()
    if count <= 6:  # six have weight
        assert float(chances.sum()) == pytest.approx(count)
    below = chances < 1
    ratio = chances[below & (WEIGHTS > 0)] / WEIGHTS[below & (WEIGHTS > 0)]
    if len(ratio):
        torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio))
        assert (WEIGHTS[~below] * ratio[0] >= 1 - 1e-12).all()


def test_inclusion_without_weights_is_even() -> None:
    torch.testing.assert_close(inclusion(torch.zeros(4, dtype=torch.float64), 3), torch.full((4,), 0.75, dtype=torch.float64))


@pytest.mark.parametrize("count", [1, 3, 5])
def test_every_draw_has_that_many_and_frequencies_are_the_chances(count: int) -> None:
    chances, generator, draws = inclusion(WEIGHTS, count), Generator().manual_seed(count), 1500
    hits = torch.zeros(7, dtype=torch.float64)
    for _ in range(draws):
        chosen = systematic(chances, count, generator)
        assert len(set(chosen.tolist())) == count
        assert chosen.tolist() == sorted(chosen.tolist())
        hits[chosen] += 1
    deviation = (chances * (1 - chances) / draws).sqrt()
    assert ((hits / draws - chances).abs() <= 4.5 * deviation + 1e-12).all()


def test_all_of_them() -> None:
    assert systematic(torch.ones(5, dtype=torch.float64), 5, Generator()).tolist() == [0, 1, 2, 3, 4]
