"""The figure and the table of this study, from the sweep's results.

python experiments/balance_grid/plot.py sweeps/balance_grid-desk
"""

import statistics
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import matplotlib.pyplot as plt  # noqa: E402
from by_edgesim import compare  # noqa: E402
from equal_budget import STYLE, arguments, points  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402

Cells = dict[tuple[int, int], list[dict[str, Any]]]  # T, k -> its runs, one a seed


def heat(place: Axes, cells: Cells, column: str, title: str) -> None:
    """The mean of a column by T (down) and k (along), written into its cells."""
    clusters, kept = (sorted({cell[axis] for cell in cells}) for axis in (0, 1))
    means = [[statistics.fmean(run[column] for run in cells[T, k]) for k in kept] for T in clusters]
    place.imshow(means, origin="lower", cmap="cividis", aspect="auto")
    middle = (max(map(max, means)) + min(map(min, means))) / 2
    for row, line in enumerate(means):
        for along, value in enumerate(line):
            colour = "black" if value > middle else "white"
            place.text(along, row, f"{value:.3f}".lstrip("0"), ha="center", va="center", color=colour, fontsize=7)
    place.grid(visible=False)
    place.set(title=title, xlabel="tokens kept, k", xticks=range(len(kept)), xticklabels=kept)
    place.set(yticks=range(len(clusters)), yticklabels=clusters)


def main() -> None:
    sweep, out = arguments(__doc__, HERE)
    compare(sweep, out)
    panels: dict[str, Cells] = {}
    for run in points(sweep):
        cells = panels.setdefault(run.get("data.kind", ""), {})
        cells.setdefault((run["uplink.codec.T"], run["uplink.codec.k"]), []).append(run)
    plt.style.use(STYLE)
    figure, places = plt.subplots(1, len(panels) + 1, figsize=(3.5 * (len(panels) + 1), 2.4), squeeze=False)
    for place, (name, cells) in zip(places[0], panels.items(), strict=False):
        heat(place, cells, "accuracy", f"{name} test accuracy".strip())
    heat(places[0][-1], next(iter(panels.values())), "xi.paper.mean", "ratio xi")
    places[0][0].set_ylabel("merged samples, T")
    figure.savefig(out / "balance_grid.pdf", metadata={"CreationDate": None})
    figure.savefig(out / "balance_grid.png")


if __name__ == "__main__":
    main()
