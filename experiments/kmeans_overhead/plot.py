"""The figure and the table of this study, from the sweep's results.

python experiments/kmeans_overhead/plot.py sweeps/kmeans_overhead-desk
"""

import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from cases import lines, means, panels, save  # noqa: E402
from equal_budget import arguments, points, write  # noqa: E402

KEYS = {"name": "model", "clients[0].device": "device", "data.batch_size": "batch", "uplink.codec.xi": "xi"}
METRICS = {
    "share": "share_of_computing",
    "latency_s.by_phase.encode": "encode_s",
    "share_of_step": "share_of_step",
    "share_of_joules": "share_of_client_joules",
}

if __name__ == "__main__":
    sweep, out = arguments(__doc__, HERE)
    runs = points(sweep)
    for run in runs:
        run["name"] = re.sub(r".*name: ([a-z_]+?)(_patch|[,}]).*", r"\1", run["model"])
        phases = {phase: run[f"latency_s.by_phase.{phase}"] for phase in ("forward", "encode", "backward")}
        run["share"] = phases["encode"] / sum(phases.values())
        run["share_of_step"] = phases["encode"] / run["latency_s.step_mean"]
        run["share_of_joules"] = run["energy_j.by_phase.encode"] / run["energy_j.by_actor.client0"]
    rows = means(runs, KEYS, METRICS, "share_of_computing")
    rows = [{name: value for name, value in row.items() if "_of_computing_" not in name} for row in rows]  # one seed
    write(out / "charged.csv", rows)
    device = rows[0]["device"]  # the share of computing is every device's
    models = list(dict.fromkeys(row["model"] for row in rows))
    figure, places = panels(len(models), sharey=True)
    for place, model in zip(places, models, strict=True):
        mine = [row for row in rows if (row["model"], row["device"]) == (model, device)]
        lines(place, [row | {"xi": f"xi = {row['xi']:g}"} for row in mine], "batch", "share_of_computing", "xi")
        place.set(title=model, xlabel="batch size", xscale="log", yscale="log")
        batches = sorted({row["batch"] for row in mine})
        place.set_xticks(batches, labels=[f"{batch:g}" for batch in batches])
        place.set_xticks([], minor=True)
    places[0].set_ylabel("k-means / client's computing")
    save(figure, places, out, "overhead", 3)
