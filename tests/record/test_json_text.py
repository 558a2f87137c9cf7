"""JSON that every reader accepts."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgesim.record.json_text import dumps
from edgesim.rows import Evaluation


def refuse(constant: str) -> Any:
    raise AssertionError(f"{constant} is not JSON")


def test_what_json_has_no_number_for() -> None:
    text = dumps({"nan": float("nan"), "inf": [float("inf"), -float("inf")], "snr": np.float64("inf")})
    assert json.loads(text, parse_constant=refuse) == {"nan": None, "inf": ["inf", "-inf"], "snr": "inf"}
    assert float(json.loads(text)["snr"]) == float("inf")


def test_plain_data_round_trips_exactly() -> None:
    value = {"b": True, "a": 0.1 + 0.2, "n": None, "i": 2**60, "s": "ξ", "l": [1, [2.5]]}
    assert json.loads(dumps(value)) == value
    assert list(json.loads(dumps(value))) == list(value)


def test_numpy_paths_tuples_and_sets() -> None:
    row = Evaluation(1, 1.0, 2.0, 3.0, 4.0, 0.5, 0.5, float("nan"))
    value = {"f": np.float32(0.5), "i": np.int64(7), "p": Path("a/b"), "t": (1, 2), "s": {2, 1}, "row": row}
    want = {"f": 0.5, "i": 7, "p": "a/b", "t": [1, 2], "s": [1, 2], "row": [1, 1.0, 2.0, 3.0, 4.0, 0.5, 0.5, None, None]}
    assert json.loads(dumps(value)) == want


def test_anything_else_is_refused() -> None:
    with pytest.raises(TypeError, match="object"):
        dumps({"x": object()})
