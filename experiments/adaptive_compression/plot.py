"""The figure and the table of this study, from the sweep's results.

python experiments/adaptive_compression/plot.py sweeps/adaptive_compression-desk
"""

import sys
from pathlib import Path

import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from cases import means, panels, save  # noqa: E402
from equal_budget import arguments, points, write  # noqa: E402

PROMISE = 0.9  # share of the steps that are to be in time; the file's uplink.codec.share
DEADLINE_S = 0.02  # for uplink and downlink of a step; the file's uplink.codec.step_s
KEYS = {"label": "ratio", "uplink.channel.coherence_s": "coherence_s"}
METRICS = {
    "accuracy": "accuracy",
    "in_time": "in_time",
    "steps": "steps",
    "sent_mbit": "sent_mbit",
    "xi.paper.mean": "xi",
    "energy_j.by_actor.client0": "client_joules",
}


def in_time(steps: Path) -> float:
    """Share of the steps whose messages took no longer than the deadline."""
    table = pq.ParquetFile(steps).read(["uplink_s", "downlink_s"]).to_pydict()
    taken = [up + down for up, down in zip(table["uplink_s"], table["downlink_s"], strict=True)]
    return sum(seconds <= DEADLINE_S for seconds in taken) / len(taken)


if __name__ == "__main__":
    sweep, out = arguments(__doc__, HERE)
    runs = points(sweep)
    for run in runs:
        run["in_time"] = in_time(sweep / run["path"] / "steps.parquet")
        run["sent_mbit"] = (run["bits.up.total"] + run["bits.down.total"]) / 1e6
    rows = means(runs, KEYS, METRICS, "accuracy")
    write(out / "adaptive.csv", rows)
    times = list(dict.fromkeys(row["coherence_s"] for row in rows))
    figure, places = panels(len(times), sharey=True)
    for place, seconds in zip(places, times, strict=True):
        for row in (row for row in rows if row["coherence_s"] == seconds):
            place.plot(row["in_time"], row["accuracy"], linestyle="", markersize=5 + row["sent_mbit"] / 20, label=row["ratio"])
        place.axvline(PROMISE, color="0.5", linewidth=0.8)
        place.set(title=f"coherence {seconds * 1e3:g} ms", xlabel="share of the steps in time", xlim=(-0.05, 1.05))
    places[0].set_ylabel("test accuracy at the end")
    save(figure, places, out, "adaptive", 6)
