"""The recorded partition holds what was dealt out, image by image and class by class."""

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa

from edgesim.record import partition, tables


def test_every_image_is_recorded_with_its_client(tmp_path: Path) -> None:
    rows = [np.array([0, 3]), np.array([1, 2, 5]), np.array([4])]
    partition.write(tmp_path, rows, labels=np.array([0, 2, 2, 0, 1, 2]), classes=4)
    back = tables.read(tmp_path, "partition")
    assert back.schema.equals(tables.schema("partition"))
    assert back.schema.types == [pa.int64(), pa.int64()]
    assert back.to_pydict() == {"client": [0, 0, 1, 1, 1, 2], "image": [0, 3, 1, 2, 5, 4]}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["partition.csv", "partition.parquet"]


def test_the_histogram_counts_by_class(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 10, 500)
    rows = np.split(generator.permutation(500), [7, 200, 350])
    partition.write(tmp_path, rows, labels, classes=12)  # classes of which there is no image have a column too
    with (tmp_path / partition.FILE).open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [int(line["client"]) for line in lines] == [0, 1, 2, 3]
    assert [int(line["n"]) for line in lines] == [7, 193, 150, 150]
    for line, mine in zip(lines, rows, strict=True):
        assert [int(line[f"class_{number}"]) for number in range(12)] == [int(np.sum(labels[mine] == c)) for c in range(12)]


def test_the_files_depend_on_the_partition_alone(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        partition.write(tmp_path / name, [np.arange(300), np.arange(300, 500)], np.arange(500) % 7, classes=7)
    for file in ("partition.csv", "partition.parquet"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
