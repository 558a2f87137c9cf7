"""Drawn values come back equal, in the row of the client that drew them."""

import csv
from pathlib import Path

from edgesim.record import varied


def test_a_row_for_each_client_and_a_column_for_each_knob(tmp_path: Path) -> None:
    varied.write(tmp_path, [{"channel.snr_db": 1 / 3}, {}, {"device.rate_factor": 2.0, "channel.snr_db": 1e-12}])
    with (tmp_path / varied.FILE).open(newline="") as file:
        lines = list(csv.reader(file))
    assert lines[0] == ["client", "channel.snr_db", "device.rate_factor"]
    assert lines[1:] == [["0", repr(1 / 3), ""], ["1", "", ""], ["2", "1e-12", "2.0"]]
