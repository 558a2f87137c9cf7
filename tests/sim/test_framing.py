"""Which values a lost packet takes with it: fields one after the other, cut into packets of 48 bits."""

import numpy as np
import pytest

from edgesim.sim.framing import erasures, harmed_values, parted
from edgesim.wire import Field

FIRST = Field("first", (10,), 8, "values")  # bits 0 to 80
SECOND = Field("second", (4, 5), 8, "side")  # bits 80 to 240
MODEL = Field("model", (3,), 32, "model")
LABELS = Field("labels", (6,), 4, "labels")


@pytest.mark.parametrize(
    ("lost", "first", "second"),
    [
        ([0], range(6), ()),
        ([1], range(6, 10), range(2)),  # bits 48 to 96
        ([2], (), range(2, 8)),
        ([4], (), range(14, 20)),
        ([1, 3], range(6, 10), [0, 1, *range(8, 14)]),
        ([], (), ()),
    ],
)
def test_a_lost_packet_takes_the_values_in_it(lost: list[int], first: list[int], second: list[int]) -> None:
    missing = erasures([FIRST, SECOND], np.array(lost, dtype=np.int64), 48)
    found = [np.flatnonzero(missing[name]).tolist() if name in missing else [] for name in ("first", "second")]
    assert found == [list(first), list(second)]


def test_a_value_is_missing_with_any_bit_of_it() -> None:
    """Values of 20 bits from bit 80 on: packet 2, bits 96 to 144, has parts of the first and of the fourth."""
    wide = Field("wide", (5,), 20, "values")
    missing = erasures([FIRST, wide], np.array([2]), 48)
    assert missing["wide"].tolist() == [True, True, True, True, False]
    assert "first" not in missing


def test_what_may_be_harmed_and_how_much_of_it_are_values() -> None:
    """A model is always sent until it arrives; side information and labels unless they are not protected."""
    fields = [FIRST, SECOND, MODEL, LABELS]
    assert parted(fields, protect_side=True) == (160 + 96 + 24, [FIRST])
    assert parted(fields, protect_side=False) == (96, [FIRST, SECOND, LABELS])
    assert harmed_values(fields, {"first": 3, "second": 5}) == 3
