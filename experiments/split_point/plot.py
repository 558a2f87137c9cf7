"""A figure and a table of this study, from the results of one of its sweeps; both are named after it.

python experiments/split_point/plot.py sweeps/split_point-desk
python experiments/split_point/plot.py sweeps/pretrained-desk
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from cases import lines, means, panels, save  # noqa: E402
from equal_budget import LOOKS, arguments, points, write  # noqa: E402
from methods import BASE, taken_apart  # noqa: E402

KEYS = {"method": "method", "xi": "xi_asked", "model.cut": "cut"}
METRICS = {
    "steps": "steps",
    "latency_s.step_mean": "seconds_per_step",
    "client_joules": "client_joules_per_step",
}

if __name__ == "__main__":
    sweep, out = arguments(__doc__, HERE)
    name = sweep.name.partition("-")[0]
    runs = points(sweep)
    for run in runs:
        run["method"], run["xi"] = taken_apart(run["label"])
        run["client_joules"] = run["energy_j.by_actor.client0"] / run["steps"]
    looks = {look: means(runs, KEYS, {column: "accuracy"} | METRICS, "accuracy") for column, look in LOOKS.items()}
    write(out / f"{name}.csv", [{"codec_at_evaluation": look} | row for look, rows in looks.items() for row in rows])
    ratios = [xi for xi in dict.fromkeys(run["xi"] for run in runs) if xi < 1]
    figure, places = panels(len(ratios) * len(looks), sharey=True)
    for place, (xi, look) in zip(places, ((xi, look) for xi in ratios for look in looks), strict=True):
        lines(
            place, [row for row in looks[look] if row["xi_asked"] == xi or row["method"] == BASE], "cut", "accuracy", "method"
        )
        place.set(
            title=f"xi = {xi:g}, codec {look}",
            xlabel="blocks on the client",
            xticks=sorted({row["cut"] for row in looks[look]}),
        )
    places[0].set_ylabel("test accuracy at the end")
    save(figure, places, out, name, 4)
