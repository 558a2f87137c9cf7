"""Who got which training images: partition.parquet, a row an image, and partition.csv, the class histogram of each client."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgesim.record import atomic, tables

Indices = NDArray[np.int64]
TABLE = "partition"
FILE = "partition.csv"


def write(folder: Path, rows: Sequence[Indices], labels: Indices, classes: int) -> None:
    """Write both files, once a run.

    rows     of each client, [clients] arrays of places in the training set
    labels   class number of every training image, [N]
    classes  C; the columns class_0 ... class_{C-1}
    """
    sizes = np.array([len(mine) for mine in rows])
    clients, places = np.repeat(np.arange(len(rows)), sizes), np.concatenate(rows)
    _write_table(folder, clients, places)
    counts = np.bincount(clients * classes + labels[places], minlength=len(rows) * classes).reshape(len(rows), classes)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["client", "n", *(f"class_{number}" for number in range(classes))])
    writer.writerows(np.column_stack([np.arange(len(rows)), sizes, counts]).tolist())
    atomic.write(folder / FILE, text.getvalue().encode())


def _write_table(folder: Path, clients: Indices, places: Indices) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_arrays([pa.array(clients), pa.array(places)], schema=tables.schema(TABLE))
    with atomic.whole(folder / f"{TABLE}.parquet") as file:
        pq.write_table(table, file, compression=tables.COMPRESSION, use_dictionary=["client"])
