"""Grids of each column: half a step at most, end points exact, width 0 a constant."""

import pytest
import torch
from torch import Generator

from edgesim.codecs.parts.grids import check_finite, columns_of, grid_codes, grid_values
from edgesim.errors import RunError

WIDTHS = torch.tensor([1, 2, 5, 15, 0])
X = torch.randn(400, 5, generator=Generator().manual_seed(0)) * torch.tensor([1e-6, 1.0, 10.0, 1e4, 1.0])


def test_error_is_at_most_half_a_step_and_end_points_are_exact() -> None:
    low, high = X.amin(0), X.amax(0)
    codes = grid_codes(X, low, high, WIDTHS)
    values = grid_values(codes, low, high, WIDTHS)
    steps = (high - low) / (2.0**WIDTHS - 1)
    assert ((values - X).abs()[:, :4] <= 0.5001 * steps[:4] + 1e-6 * high[:4]).all()
    torch.testing.assert_close(values.amin(0)[:4], low[:4])
    torch.testing.assert_close(values.amax(0)[:4], high[:4])
    assert (codes.amax(0) == torch.tensor([1, 3, 31, 32767, 0])).all()


def test_width_0_means_its_first_point() -> None:
    point = torch.tensor([0.25])
    none = torch.tensor([0])
    assert torch.equal(grid_values(grid_codes(X[:, :1], point, point, none), point, point, none), torch.full((400, 1), 0.25))


def test_values_beyond_the_grid_go_to_its_ends() -> None:
    low, high = torch.tensor([0.0]), torch.tensor([3.0])
    codes = grid_codes(torch.tensor([[-5.0], [0.6], [9.0]]), low, high, torch.tensor([2]))
    assert codes.flatten().tolist() == [0, 1, 3]


def test_columns() -> None:
    assert columns_of((197, 192), "channel") == 192
    assert columns_of((197, 192), "feature") == 37_824
    assert columns_of((30,), "channel") == columns_of((30,), "feature") == 30


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_stops_the_run(bad: float) -> None:
    with pytest.raises(RunError, match=r"slacc met NaN.*optimiser\.lr"):
        check_finite("slacc", torch.tensor([0.0, bad]))
