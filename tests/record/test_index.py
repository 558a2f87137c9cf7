"""The table of a sweep: one type a column, whole or absent."""

import math
from pathlib import Path

import pyarrow as pa
import pytest

from edgesim.errors import UsageError
from edgesim.record import index


def test_columns_are_in_order_of_appearance_with_one_type_each(tmp_path: Path) -> None:
    rows = [
        {"point": "a", "error": None, "xi": 1, "kind": "adc", "ok": True, "steps": 3, "snr": "inf", "none": None},
        {"point": "b", "error": None, "xi": 0.5, "kind": 4, "ok": None, "steps": None, "snr": 3, "late": 2},
    ]
    index.write(tmp_path, rows)
    table = index.read(tmp_path)
    types = {"point": "string", "error": "string", "xi": "double", "kind": "string", "ok": "bool", "steps": "int64"}
    assert {name: str(table.schema.field(name).type) for name in types} == types
    assert table.column_names == ["point", "error", "xi", "kind", "ok", "steps", "snr", "none", "late"]
    assert table["snr"].to_pylist() == [math.inf, 3.0]
    assert table["kind"].to_pylist() == ["adc", "4"]
    assert table["late"].to_pylist() == [None, 2]
    assert table.schema.field("none").type == pa.float64()


def test_a_summary_becomes_one_level_without_what_does_not_repeat() -> None:
    summary = {
        "wall_s": 3.0,
        "xi": {"paper": {"up": 0.2}},
        "checks": {"tile": True},
        "clients": [{"accuracy": 1}],
        "loss": None,
    }
    assert index.flat(summary) == {"xi.paper.up": 0.2, "checks.tile": True, "loss": None}


def test_a_folder_without_a_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no index\.parquet"):
        index.read(tmp_path)
