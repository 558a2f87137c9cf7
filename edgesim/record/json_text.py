"""JSON that every reader accepts.

JSON has no numbers for what floats can be: a NaN (no measurement) becomes null, an infinity (the SNR of an ideal link) becomes
the text "inf" or "-inf", which Python's `float()` and most languages read back.
"""

import json
import math
from collections.abc import Mapping, Sequence, Set
from numbers import Integral, Real
from pathlib import PurePath
from typing import Any


def dumps(value: Any, *, indent: int | None = 2) -> str:
    """Valid JSON of plain data, NumPy scalars and paths, in the order given.

    Raises TypeError for anything else, so that nothing is written as its repr by accident.
    """
    return json.dumps(plain(value), indent=indent, allow_nan=False, ensure_ascii=False)


def plain(value: Any) -> Any:
    """The same value made of dict, list, str, bool, int, finite float and None only."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Set):
        return [plain(item) for item in sorted(value)]
    if isinstance(value, Sequence):
        return [plain(item) for item in value]
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return _number(float(value))
    return value  # json raises TypeError and names the type


def _number(value: float) -> float | str | None:
    if math.isnan(value):
        return None
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value
