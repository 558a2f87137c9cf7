"""The figure and the table of this study, from the sweep's results.

python experiments/multi_client/plot.py sweeps/multi_client-desk
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from cases import lines, means, panels, save  # noqa: E402
from equal_budget import arguments, points, write  # noqa: E402

KEYS = {"label": "protocol", "clients[0].count": "clients", "data.partition.alpha": "alpha"}
METRICS = {
    "accuracy": "accuracy",
    "steps": "steps",
    "epochs": "epochs",
    "simulated_s": "simulated_s",
    "clients_joules": "clients_joules",
    "energy_j.by_actor.server": "server_joules",
    "sent_mbit": "sent_mbit",
}

if __name__ == "__main__":
    sweep, out = arguments(__doc__, HERE)
    runs = points(sweep)
    for run in runs:
        run["clients_joules"] = run["energy_j.total"] - run["energy_j.by_actor.server"]
        run["sent_mbit"] = (run["bits.up.total"] + run["bits.down.total"]) / 1e6
    rows = means(runs, KEYS, METRICS, "accuracy")
    write(out / "protocols.csv", rows)
    counts = list(dict.fromkeys(row["clients"] for row in rows))
    figure, places = panels(len(counts), sharey=True)
    for place, count in zip(places, counts, strict=True):
        lines(place, [row for row in rows if row["clients"] == count], "alpha", "accuracy", "protocol")
        place.set(title=f"{count} clients", xlabel="Dirichlet alpha (smaller: less alike)", xscale="log")
    places[0].set_ylabel("test accuracy at the end")
    save(figure, places, out, "accuracy", 5)
