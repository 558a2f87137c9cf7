"""The figure and the table of this study, from the sweep's results.

python experiments/channel_robustness/plot.py sweeps/channel_robustness-desk
"""

import re
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from cases import save  # noqa: E402
from equal_budget import LOOKS, STYLE, Runs, arguments, runs, write  # noqa: E402

INTACT = "reliable awgn"  # the link on which nothing is lost
PANELS = {  # of the figure: the links that it shows over the SNR
    "analog, noise": "analog awgn",
    "analog, Rician 7 dB": "analog rician",
    "analog, Rayleigh": "analog rayleigh",
    "uncoded bits, noise": "bits awgn",
    "packets of one rate, Rayleigh": "lossy rayleigh",
    "packets lost in bursts": "lossy gilbert_elliott",
}


def link(run: Mapping[str, Any]) -> tuple[str, float]:
    """Transport and channel, and what is varied of it: the SNR in dB, or the share of packets lost."""
    channel, transport = (str(run[f"uplink.{part}"]) for part in ("channel", "transport"))
    kind, way = (re.sub(r"^{kind: (\w+).*", r"\1", text) for text in (channel, transport))
    loss = re.search(r"loss: ([\d.]+)", channel)
    return f"{way} {kind}", float(loss[1]) if loss else float(run["uplink.channel.snr_db"])


def lost_share(run: Mapping[str, Any]) -> float:
    """Packets lost for good over those that may be: labels and side information are sent until they arrive."""
    return float(run["link.lost_packets"] / max(1, run["link.packets"] - run["link.protected_packets"]))


def table(found: Runs) -> list[dict[str, Any]]:
    """One row a link, SNR and codec: mean accuracy of both looks, and of the one that is better on the intact link."""
    rows: dict[tuple[str, float, str], list[Mapping[str, Any]]] = {}
    for codec, mine in found.items():
        for run in mine:
            rows.setdefault((*link(run), codec), []).append(run)
    better = {
        codec: max(LOOKS, key=lambda look: statistics.fmean(run[look] for run in mine))
        for (name, _, codec), mine in rows.items()
        if name == INTACT
    }
    return [
        {
            "link": name,
            "snr_db_or_loss": at,
            "codec": codec,
            "steps": mine[0]["steps"],
            "look": LOOKS[better[codec]],
            "accuracy": round(statistics.fmean(run[better[codec]] for run in mine), 4),
            **{f"accuracy_{name}": round(statistics.fmean(run[look] for run in mine), 4) for look, name in LOOKS.items()},
            "seeds": " ".join(f"{run[better[codec]]:.4f}" for run in mine),
            "simulated_s": round(statistics.fmean(run["simulated_s"] for run in mine), 3),
            "client_joules": round(statistics.fmean(run["energy_j.by_actor.client0"] for run in mine), 3),
            "lost_packets": round(statistics.fmean(map(lost_share, mine)), 4),
        }
        for (name, at, codec), mine in sorted(rows.items(), key=lambda item: item[0][:2])
    ]


def draw(rows: Sequence[Mapping[str, Any]], out: Path) -> None:
    """A panel a link; the level lines are what the same codec reaches where nothing is lost."""
    plt.style.use(STYLE)
    shown = {title: name for title, name in PANELS.items() if any(row["link"] == name for row in rows)}
    codecs = list(dict.fromkeys(row["codec"] for row in rows if row["link"] == INTACT))
    looks = [dict(each) for each in plt.rcParams["axes.prop_cycle"]]
    figure, places = plt.subplots(
        -(-len(shown) // 3), 3, figsize=(7.1, 2.1 * -(-len(shown) // 3) + 0.4), sharey=True, squeeze=False
    )
    for place, (title, name) in zip(places.flat, shown.items(), strict=False):
        for codec, look in zip(codecs, looks, strict=False):
            mine = [row for row in rows if (row["link"], row["codec"]) == (name, codec)]
            if not mine:
                continue
            level = next(row["accuracy"] for row in rows if (row["link"], row["codec"]) == (INTACT, codec))
            place.plot([row["snr_db_or_loss"] for row in mine], [row["accuracy"] for row in mine], label=codec, **look)
            place.axhline(level, color=look["color"], linewidth=0.5, alpha=0.6)
        place.set(title=title, xlabel="share of packets lost" if "burst" in title else "SNR [dB]", ylim=(0.0, 1.0))
    for place in list(places.flat)[len(shown) :]:
        place.set_axis_off()
    for line in places:
        line[0].set_ylabel("test accuracy at the end")
    save(figure, list(places.flat), out, "accuracy", 5)


if __name__ == "__main__":
    sweep, out = arguments(__doc__, HERE)
    found = table(runs(sweep))
    write(out / "accuracy.csv", found)
    draw(found, out)
