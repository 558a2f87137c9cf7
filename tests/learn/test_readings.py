"""Rows that are completed together are the rows that were given, in order."""

import math

import torch

from edgesim.learn.finite import Findings
from edgesim.learn.readings import Readings
from edgesim.learn.trip import Trip
from edgesim.rows import Step


def row(number: int) -> Step:
    return Step(number, *[0] * 12, loss=math.nan)


def trip() -> Trip:
    """One that measured three things: 0.5 lost on the way up, a gradient of norm 5, nothing lost on the way down."""
    made = Trip(torch.tensor([0.0, 2.0]), torch.zeros(1))
    gradient = torch.tensor([3.0, 4.0])
    made.arrived(torch.tensor([0.0, 1.0]), gradient)
    made.answered(gradient)
    return made


def test_rows_come_in_order_whether_or_not_something_was_measured() -> None:
    rows: list[Step] = []
    readings = Readings(lambda each, peaks: rows.append(each), at_once=3)
    for number in range(1, 8):
        readings.add(row(number), torch.tensor(number / 4), trip() if number % 2 else Findings())
        assert len(rows) == number // 3 * 3
    readings.flush()
    assert [(each.step, each.loss) for each in rows] == [(number, number / 4) for number in range(1, 8)]
    for each in rows:
        if each.step % 2:
            assert (each.uplink_error, each.gradient_norm, each.downlink_error) == (0.5, 5.0, 0.0)
        else:
            assert math.isnan(each.gradient_norm)


def test_what_a_row_ends_is_not_told_of_those_after_it() -> None:
    """A loss that is no number stops a run: rows behind it are gone, as if they had never been computed."""

    def take(each: Step, peaks: dict[str, float]) -> None:
        if math.isnan(each.loss):
            raise ArithmeticError
        rows.append(each)

    rows: list[Step] = []
    readings = Readings(take)
    for number, loss in enumerate((1.0, math.nan, 3.0), 1):
        readings.add(row(number), torch.tensor(loss), Findings())
    try:
        readings.flush()
    except ArithmeticError:
        readings.flush()
    assert [each.step for each in rows] == [1]
