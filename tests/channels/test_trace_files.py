"""Traces of movement from CSV files: what is read, and what is said about the rest."""

import os
from pathlib import Path

import numpy as np
import pytest

from channels import trace_files
from channels.mobility import Trace, Walk
from channels.trace_files import read_trace


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "trace.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_distances_over_time(tmp_path: Path) -> None:
    trace = read_trace(written(tmp_path, "time_s,distance_m\n0,10\n10,30.5\n"))
    assert isinstance(trace, Trace)
    assert trace.distance_m(np.array([0.0, 5.0, 99.0])).tolist() == [10.0, 20.25, 30.5]


def test_positions_over_time(tmp_path: Path) -> None:
    """A spreadsheet's byte order mark, line ends, spaces and empty lines do no harm."""
    path = written(tmp_path, b"\xef\xbb\xbftime_s, x_m, y_m\r\n0, -3, 4\r\n\r\n2, 3, 4\r\n")
    walk = read_trace(path, repeat=True)
    assert isinstance(walk, Walk)
    assert walk.distance_m(np.array([0.0, 1.0, 2.0, 3.0])).tolist() == [5.0, 4.0, 5.0, 4.0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("t,x,y\n0,1,2\n", "trace.csv:1: the first line must be time_s,distance_m or time_s,x_m,y_m; got 't,x,y'"),
        ("time_s,distance_m\n", "at least two rows below the first line, got 0"),
        ("time_s,distance_m\n0,1\n", "at least two rows below the first line, got 1"),
        ("time_s,distance_m\n0,1\n1\n", "trace.csv:3: expected 2 columns, time_s,distance_m; got '1'"),
        ("time_s,x_m,y_m\n0,1,2\n1,2,3,4\n", "trace.csv:3: expected 3 columns"),
        ("time_s,distance_m\n0,1\n1,far\n", "trace.csv:3: distance_m must be a finite number, got 'far'"),
        ("time_s,distance_m\n0,1\n1,\n", "trace.csv:3: distance_m must be a finite number, got ''"),
        ("time_s,x_m,y_m\n0,1,2\n1,2,nan\n", "trace.csv:3: y_m must be a finite number, got 'nan'"),
        ("time_s,x_m,y_m\n0,1,2\ninf,2,3\n", "trace.csv:3: time_s must be a finite number, got 'inf'"),
        ("time_s,distance_m\n0,1\n\n1,-2\n", "trace.csv:4: distance_m must not be negative, got -2"),
        ("time_s,x_m,y_m\n-1,1,2\n1,2,3\n", "trace.csv:2: time_s must not be negative, got -1"),
        ("time_s,distance_m\n0,1\n5,2\n5,3\n", "trace.csv:4: time_s must rise from row to row; got 5 after 5"),
        (b"time_s,distance_m\n0,\xff\xfe\n", "not a CSV file in UTF-8"),
        ("time_s,distance_m\n0," + "1" * 200_000 + "\n", "not a CSV file in UTF-8: field larger"),
    ],
)
def test_what_is_wrong_is_said_once_with_its_line(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(ValueError, match=r"trace\.csv") as caught:
        read_trace(written(tmp_path, text))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_large_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_files, "MOST_BYTES", 1 << 20)
    path = written(tmp_path, "time_s,distance_m\n" + "".join(f"{time},1\n" for time in range(200_000)))
    with pytest.raises(ValueError, match="larger than 1 MiB"):
        read_trace(path)


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_trace(tmp_path / "nowhere.csv")
    with pytest.raises(OSError, match="directory"):
        read_trace(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "trace.csv")
    with pytest.raises(ValueError, match=r"trace\.csv: not a regular file"):
        read_trace(tmp_path / "trace.csv")
