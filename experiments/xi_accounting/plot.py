"""The figure and the table of this study, from the sweep's table.

python experiments/xi_accounting/plot.py sweeps/xi_accounting-desk
"""

import argparse
import csv
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
COLUMNS = {
    "uplink.codec.split": "split",
    "uplink.codec.xi": "xi",
    "xi.paper.mean": "paper",
    "xi.code.mean": "code",
    "xi.wire.mean": "wire",
}
LEDGERS = ("paper", "code", "wire")


def rows(sweep: Path) -> list[dict[str, object]]:
    """One row a split and xi: the three ratios, and how many steps a budget allows under each ledger that was run."""
    found: dict[tuple[object, object], dict[str, object]] = {}
    for run in pq.ParquetFile(sweep / "index.parquet").read().to_pylist():
        row = found.setdefault((run["uplink.codec.split"], run["uplink.codec.xi"]), {})
        row |= {name: run[column] for column, name in COLUMNS.items()}
        row[f"steps_{run['budget.ledger']}"] = run["steps"]
    return list(found.values())


def draw(table: list[dict[str, object]], out: Path) -> None:
    """What is really sent over what was asked for; the published code charges 1."""
    mpl.use("Agg")
    plt.style.use(HERE.parent / "style.mplstyle")
    figure, axes = plt.subplots()
    for split in dict.fromkeys(row["split"] for row in table):
        mine = [row for row in table if row["split"] == split]
        axes.plot([row["xi"] for row in mine], [row["wire"] / row["xi"] for row in mine], label=str(split))
    axes.axhline(1.0, color="0.5", linewidth=0.8)
    axes.set(xlabel="ratio asked for and charged, xi", ylabel="sent / charged", xscale="log")
    axes.legend(title="split of xi")
    figure.savefig(out / "sent_over_charged.pdf", metadata={"CreationDate": None})
    figure.savefig(out / "sent_over_charged.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep", type=Path, help="folder of the finished sweep")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder of the figure and the table")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    table = rows(given.sweep)
    with (given.out / "xi_accounting.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*COLUMNS.values(), *(f"steps_{name}" for name in LEDGERS)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    draw(table, given.out)


if __name__ == "__main__":
    main()
