"""The figure and the tables of this study, from both sweeps' results.

python experiments/energy_latency/plot.py sweeps/energy_latency-desk --steps sweeps/steps-desk
"""

import argparse
import csv
import math
import statistics
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import matplotlib.pyplot as plt

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from cases import save  # noqa: E402
from equal_budget import LOOKS, STYLE, points, runs, write  # noqa: E402

BASE = "no compression"
TARGET = 0.9  # accuracy on digits, by whose steps codecs are compared
COSTS = {"seconds": "simulated_s", "client_joules": "energy_j.by_actor.client0", "joules": "energy_j.total"}
SHOWN = ("raspberry_pi_4 wifi", "jetson_orin_nano wifi")  # lines of the figure: the slowest computer and the fastest
Case = tuple[str, str, str]  # model, device, codec


class Cost(NamedTuple):
    """What a step takes in a band of W hertz: fixed + per_hertz / W, from the narrowest and the widest band."""

    fixed: float
    per_hertz: float

    def at(self, bandwidth_hz: float) -> float:
        """Of a step in that band."""
        return self.fixed + self.per_hertz / bandwidth_hz


def steps(sweep: Path) -> list[dict[str, object]]:
    """One row a codec: steps until TARGET is first seen, at the look that is better at the end, and their ratio."""
    rows: list[dict[str, object]] = []
    for label, mine in runs(sweep).items():
        look = max(LOOKS, key=lambda column: statistics.fmean(run[column] for run in mine))
        firsts = [next((int(at["step"]) for at in run["looks"] if at[look] >= TARGET), math.inf) for run in mine]
        row = {"codec": label, "look": LOOKS[look], "steps": round(statistics.fmean(firsts), 1)}
        rows.append(row | {"seeds": " ".join(f"{first:g}" for first in firsts)})
    base = next(float(str(row["steps"])) for row in rows if row["codec"] == BASE)
    return [row | {"ratio": round(float(str(row["steps"])) / base, 3)} for row in rows]


def per_step(sweep: Path) -> list[dict[str, object]]:
    """One row a point: what its mean step takes, and the share of the client's energy that encoding has."""
    rows: list[dict[str, object]] = []
    for run in points(sweep):
        row: dict[str, object] = {
            "model": "digits" if "tiny_digits" in run["model"] else run["model"].split("name: ")[1].split("_patch")[0]
        }
        row |= {"device": f"{run['clients[0].device']} {run['clients[0].radio']}", "codec": run["label"]}
        row |= {"bandwidth_hz": run["uplink.radio.bandwidth_hz"]}
        row |= {name: run[column] / run["steps"] for name, column in COSTS.items()}
        encoding = (run.get("latency_s.by_phase.encode") or 0.0) * run["steps"]
        rows.append(row | {"encode_seconds_share": encoding / run["simulated_s"]})
    return rows


def costs(rows: list[dict[str, object]], name: str) -> dict[Case, Cost]:
    """The line through each case's ends. RuntimeError where a band between them is off it by more than a thousandth."""
    found: dict[Case, dict[float, float]] = {}
    for row in rows:
        case = (str(row["model"]), str(row["device"]), str(row["codec"]))
        found.setdefault(case, {})[float(str(row["bandwidth_hz"]))] = float(str(row[name]))
    lines = {}
    for case, at in found.items():
        low, high = min(at), max(at)
        slope = (at[low] - at[high]) / (1.0 / low - 1.0 / high)
        lines[case] = Cost(at[high] - slope / high, slope)
        if any(abs(lines[case].at(band) / cost - 1.0) > 1e-3 for band, cost in at.items()):
            raise RuntimeError(f"{name} of {case} is no line over 1 / bandwidth")
    return lines


def break_even(codec: Cost, base: Cost, ratio: float) -> float:
    """The bandwidth [Hz] below which `ratio` steps with the codec take less than one without; inf for all, 0 for none."""
    saved, added = base.per_hertz - ratio * codec.per_hertz, ratio * codec.fixed - base.fixed
    if saved < 0.0 and added < 0.0:
        raise RuntimeError(f"{codec} saves above a bandwidth, not below")
    return math.inf if added <= 0.0 else max(0.0, saved / added)


def limits(rows: list[dict[str, object]], ratios: Mapping[str, float]) -> list[dict[str, object]]:
    """One row a model, device and codec: break-even bandwidths in MHz, at equal steps and at equal accuracy."""
    found: dict[Case, dict[str, object]] = {}
    for name in COSTS:
        lines = costs(rows, name)
        for (model, device, codec), cost in lines.items():
            if codec == BASE:
                continue
            row = found.setdefault((model, device, codec), {"model": model, "device": device, "codec": codec})
            for how, ratio in (("steps", 1.0), ("accuracy", ratios.get(codec, math.nan))):
                row[f"{name}_equal_{how}_mhz"] = f"{break_even(cost, lines[model, device, BASE], ratio) / 1e6:.4g}"
    return list(found.values())


def draw(rows: list[dict[str, object]], ratios: Mapping[str, float], out: Path) -> None:
    """The client's energy over that without compression, by bandwidth: at equal steps, and at equal accuracy."""
    plt.style.use(STYLE)
    lines = costs(rows, "client_joules")
    model = str(rows[-1]["model"])
    devices = [name for name in SHOWN if (model, name, BASE) in lines]
    bands = [10 ** (4.0 + place / 10) for place in range(61)]
    figure, places = plt.subplots(
        len(devices), 2, figsize=(7.1, 2.2 * len(devices) + 0.4), sharex=True, sharey=True, squeeze=False
    )
    for device, line in zip(devices, places, strict=True):
        for place, how in zip(line, ("steps", "accuracy"), strict=True):
            for codec in ratios:
                if codec != BASE:
                    cost, base = lines[model, device, codec], lines[model, device, BASE]
                    ratio = ratios[codec] if how == "accuracy" else 1.0
                    place.plot(bands, [ratio * cost.at(band) / base.at(band) for band in bands], label=codec, marker="")
            place.axhline(1.0, color="0.5", linewidth=0.8)
            place.set(title=f"{device.split()[0]}, equal {how}", xscale="log", yscale="log")
        line[0].set_ylabel("client's energy / uncompressed")
    for place in places[-1]:
        place.set_xlabel("bandwidth of each direction [Hz]")
    save(figure, list(places.flat), out, "energy", 7)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep", type=Path, help="folder of the finished sweep of sweep.yaml")
    parser.add_argument("--steps", type=Path, help="that of steps.yaml; the committed table of steps where left out")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder of the figure and the tables")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    mpl.use("Agg")
    if given.steps:
        write(given.out / "steps.csv", steps(given.steps))
    with ((given.out if given.steps else HERE / "results") / "steps.csv").open(newline="") as file:
        ratios = {row["codec"]: float(row["ratio"]) for row in csv.DictReader(file)}
    rows = per_step(given.sweep)
    write(
        given.out / "per_step.csv",
        [{key: f"{value:.6g}" if isinstance(value, float) else value for key, value in row.items()} for row in rows],
    )
    write(given.out / "break_even.csv", limits(rows, ratios))
    draw(rows, ratios, given.out)


if __name__ == "__main__":
    main()
