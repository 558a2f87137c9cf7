"""The figures and the table of this study, from the sweep's results.

python experiments/clusters/plot.py sweeps/clusters-desk
"""

import csv
import math
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from by_edgesim import edgesim  # noqa: E402
from equal_budget import arguments, points, write  # noqa: E402

SHOWN = ("cls_score", 0)  # the key and the seed whose clusters are drawn, one figure a ratio


def clusters(point: Path, folder: Path) -> list[list[str]]:
    """The classes of the members of each cluster; the figure is left in `folder`."""
    edgesim("plot", str(point), "--kind", "clusters", "--out", str(folder))
    with (folder / "clusters.csv").open(newline="") as file:
        samples = {row["sample"]: (row["cluster"], row["class"]) for row in csv.DictReader(file)}
    found: dict[str, list[str]] = {}
    for cluster, name in samples.values():
        found.setdefault(cluster, []).append(name)
    return list(found.values())


def measured(members: Sequence[Sequence[str]]) -> dict[str, float]:
    """How many clusters of what size, and the share of pairs of merged pictures that are of one class.

    chance: the same share of all pairs of the batch, which is what merging at random gives on average.
    """
    merged = sum(_pairs([len(each)]) for each in members)
    alike = sum(_pairs(Counter(each).values()) for each in members)
    everything = Counter(name for each in members for name in each)
    return {
        "clusters": len(members),
        "singles": sum(len(each) == 1 for each in members),
        "largest": max(map(len, members)),
        "same_class": alike / merged if merged else math.nan,
        "chance": _pairs(everything.values()) / _pairs([everything.total()]),
    }


def _pairs(counts: Iterable[int]) -> int:
    return sum(count * (count - 1) // 2 for count in counts)


def averaged(found: Mapping[tuple[str, float], Sequence[Mapping[str, float]]]) -> list[dict[str, Any]]:
    """One row a key and xi: means over seeds, and the share of pairs of one class of every seed."""
    return [
        {"key": key, "xi": xi, "seeds": len(mine)}
        | {name: round(statistics.fmean(one[name] for one in mine), 4) for name in mine[0]}
        | {"seeds_same_class": " ".join(f"{one['same_class']:.4f}" for one in mine)}
        for (key, xi), mine in found.items()
    ]


def main() -> None:
    sweep, out = arguments(__doc__, HERE)
    found: dict[tuple[str, float], list[dict[str, float]]] = {}
    for run in points(sweep):
        key, xi = run["uplink.codec.key"], run["uplink.codec.xi"]
        with tempfile.TemporaryDirectory() as folder:
            members = clusters(sweep / run["path"], Path(folder))
            if (key, run["seed"]) == SHOWN:
                for suffix in ("pdf", "png"):
                    (out / f"clusters_{xi:g}.{suffix}").write_bytes((Path(folder) / f"clusters.{suffix}").read_bytes())
        found.setdefault((key, xi), []).append(measured(members) | {"accuracy": run["accuracy"]})
    write(out / "clusters.csv", averaged(found))


if __name__ == "__main__":
    main()
