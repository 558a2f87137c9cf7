"""Tables and the figure of a study of codecs at one budget, from the sweep's results: what `plot.py` of two studies shares."""

import argparse
import csv
import math
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pyarrow.parquet as pq
from scipy.special import stdtrit

STYLE = Path(__file__).resolve().parent / "style.mplstyle"
LOOKS = {"accuracy": "off", "accuracy_codec": "on"}  # column of evaluations.csv -> the codec at evaluation
SHOWN = ("identity", "adc", "adc + 4 bits", "4 bits", "topk", "c3sl", "bottlenet")  # as many curves as there are line styles
Runs = dict[str, list[dict[str, Any]]]  # label -> its runs, one a seed


def points(sweep: Path) -> list[dict[str, Any]]:
    """The rows of the sweep's table, one a finished run; says how many points are not."""
    rows = pq.ParquetFile(sweep / "index.parquet").read().to_pylist()
    done = [row for row in rows if row["status"] == "done"]
    if not done:
        sys.exit(f"no point of {sweep} is finished")
    if len(done) < len(rows):
        print(f"left out, failed or not computed yet: {len(rows) - len(done)} points of {sweep}", file=sys.stderr)
    return done


def runs(sweep: Path) -> Runs:
    """Finished points of a sweep, by label; each gets its looks at the test set, `looks`."""
    found: Runs = {}
    for row in points(sweep):
        with (sweep / row["path"] / "evaluations.csv").open(newline="") as file:
            row["looks"] = [{name: float(value) for name, value in look.items()} for look in csv.DictReader(file)]
        found.setdefault(row["label"], []).append(row)
    return found


def half(values: Sequence[float]) -> float:
    """Half of the mean's 95 % interval (Student t); NaN for one value."""
    if len(values) < 2:
        return math.nan
    return float(stdtrit(len(values) - 1, 0.975)) * statistics.stdev(values) / math.sqrt(len(values))


def table(found: Runs) -> list[dict[str, object]]:
    """One row a codec, best first by the better of both looks."""
    rows = []
    for label, mine in found.items():
        row: dict[str, object] = {"codec": label, "seeds": len(mine)}
        row |= {f"xi_{ledger}": round(mine[0][f"xi.{ledger}.mean"], 4) for ledger in ("paper", "wire")}
        row |= {"steps": mine[0]["steps"], "epochs": round(mine[0]["epochs"], 2)}
        for column, name in LOOKS.items():
            values = [run[column] for run in mine]
            row |= {f"accuracy_{name}": round(statistics.fmean(values), 4), f"half_{name}": round(half(values), 4)}
            row |= {f"seeds_{name}": " ".join(f"{value:.4f}" for value in values)}
        rows.append(row)
    return sorted(rows, key=lambda row: -max(float(str(row[f"accuracy_{name}"])) for name in LOOKS.values()))


def curves(found: Runs) -> list[dict[str, object]]:
    """One row a look at the test set."""
    return [
        {
            "codec": label,
            "seed": run["seed"],
            "step": int(look["step"]),
            "budget_spent": round(look["spent_bits"] / run["budget.limit_bits"], 5),
            **{f"accuracy_{name}": round(look[column], 4) for column, name in LOOKS.items()},
        }
        for label, mine in found.items()
        for run in mine
        for look in run["looks"]
    ]


def draw(found: Runs, order: Sequence[str], shown: Sequence[str], out: Path) -> None:
    """Left: final accuracy by codec, mean, interval and single seeds. Right: learning curves of `shown`, means over seeds, of
    the look that is better at the end.
    """
    plt.style.use(STYLE)
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.1, max(2.6, 0.17 * len(order) + 0.7)), width_ratios=(1.0, 1.0))
    for place, label in enumerate(reversed(order)):
        for (column, name), color, shift in zip(LOOKS.items(), ("C0", "C1"), (0.15, -0.15), strict=True):
            values = [run[column] for run in found[label]]
            width = half(values) if len(values) > 2 else math.nan  # two seeds are shown as they are
            left.plot(values, [place + shift] * len(values), ".", color=color, markersize=2.5)
            left.errorbar(
                statistics.fmean(values),
                place + shift,
                xerr=None if math.isnan(width) else width,
                fmt="o" if name == "off" else "s",
                color=color,
                markersize=3.5,
                linewidth=0.8,
                label=f"codec {name}" if not place else None,
            )
    left.set(xlabel="test accuracy at the end", yticks=range(len(order)), yticklabels=list(reversed(order)))
    left.set_xlim(max(0.0, left.get_xlim()[0]), min(1.0, left.get_xlim()[1]))
    left.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2)
    for label in shown:
        right.plot(*mean_curve(found[label]), label=label, markersize=2.5)
    right.set(xlabel="share of the budget spent", ylabel="test accuracy, the better look", xlim=(0.0, 1.02))
    right.legend()
    figure.savefig(out / "accuracy.pdf", metadata={"CreationDate": None})
    figure.savefig(out / "accuracy.png")


def mean_curve(mine: Sequence[Mapping[str, Any]]) -> tuple[list[float], list[float]]:
    """Share of the budget spent and mean accuracy; all seeds look at the same steps."""
    looks = list(zip(*(run["looks"] for run in mine), strict=True))
    spent = [each[0]["spent_bits"] / mine[0]["budget.limit_bits"] for each in looks]
    off, on = ([statistics.fmean(look[column] for look in each) for each in looks] for column in LOOKS)
    return spent, off if off[-1] >= on[-1] else on


def write(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Rows as CSV."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def arguments(about: str | None, study: Path) -> tuple[Path, Path]:
    """What a `plot.py` is told: the folder of the finished sweep, and where figures and tables go."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep", type=Path, help="folder of the finished sweep")
    parser.add_argument("--out", type=Path, default=study / "results", help="folder of the figures and the tables")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    mpl.use("Agg")
    return given.sweep, given.out


def report(about: str | None, study: Path) -> None:
    """What `plot.py` does: accuracy.csv, curves.csv, accuracy.pdf and accuracy.png, with the learning curves of SHOWN."""
    sweep, out = arguments(about, study)
    found = runs(sweep)
    rows = table(found)
    write(out / "accuracy.csv", rows)
    write(out / "curves.csv", curves(found))
    draw(found, [str(row["codec"]) for row in rows], [label for label in SHOWN if label in found], out)
