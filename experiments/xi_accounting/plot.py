"""The figure and the table of this study, from the sweep's table.

python experiments/xi_accounting/plot.py sweeps/xi_accounting-desk
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from equal_budget import STYLE, arguments, points, write  # noqa: E402

COLUMNS = {
    "uplink.codec.split": "split",
    "uplink.codec.xi": "xi",
    "xi.paper.mean": "paper",
    "xi.code.mean": "code",
    "xi.wire.mean": "wire",
}
STEPS = ("steps_paper", "steps_code", "steps_wire")  # that a budget allows, under each ledger


def rows(sweep: Path) -> list[dict[str, object]]:
    """One row a split and xi: the three ratios, and how many steps a budget allows under each ledger that was run."""
    found: dict[tuple[object, object], dict[str, object]] = {}
    for run in points(sweep):
        row = found.setdefault((run["uplink.codec.split"], run["uplink.codec.xi"]), {})
        row |= {name: run[column] for column, name in COLUMNS.items()}
        row[f"steps_{run['budget.ledger']}"] = run["steps"]
    return list(found.values())


def draw(table: list[dict[str, object]], out: Path) -> None:
    """What is really sent over what was asked for; the published code charges 1."""
    plt.style.use(STYLE)
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
    sweep, out = arguments(__doc__, HERE)
    table = rows(sweep)
    write(out / "xi_accounting.csv", [{name: row.get(name) for name in (*COLUMNS.values(), *STEPS)} for row in table])
    draw(table, out)


if __name__ == "__main__":
    main()
