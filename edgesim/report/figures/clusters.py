"""Which images a codec merged, and what it kept of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Generator

from edgesim import rng
from edgesim.errors import UsageError
from edgesim.learn.attention import rollout, watched
from edgesim.report import page
from edgesim.report.figures.attention import show, squared
from edgesim.report.figures.base import Figure, Numbers
from edgesim.report.results import Results
from edgesim.report.trained import trained
from edgesim.wire import Payload, Smashed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

CLUSTERS = 4  # the largest ones are shown
MEMBERS = 5  # of each


class Clusters(Figure):
    """The largest clusters of a batch of test images: members, attention rollout of the server over the tokens kept, labels.

    Rollout is over the layers that see the merged sample; dropped patches are pale. The CSV holds every cluster and token.
    """

    def numbers(self, runs: Sequence[Results]) -> Numbers:
        [run] = runs
        model = trained(run)
        batch, codec = model.batch(run.scenario.data.batch_size), model.task.exchange.up
        model.client.with_attention = codec.needs_attention
        generator = Generator().manual_seed(rng.seed(run.scenario.seed, "figure", "codec"))
        with torch.no_grad():
            z, attention = model.client(batch.pictures)
            payload = codec.eval().encode(Smashed(z, batch.labels, attention), generator)
            assignment, positions = _merged(run, payload)
            with watched(model.server) as matrices:
                model.server(codec.decode(payload.departed()).x)
        flow = torch.zeros(len(positions), z.shape[1]).scatter(1, positions, rollout(matrices))
        kept = torch.zeros(len(positions), z.shape[1], dtype=torch.int64).scatter(1, positions, 1)
        sizes = Counter(assignment.tolist())
        rows: list[dict[str, Any]] = []
        for sample, label, cluster in zip(batch.rows, batch.labels.tolist(), assignment.tolist(), strict=True):
            told = {"cluster": cluster, "size": sizes[cluster], "sample": sample, "class": model.task.facts.names[label]}
            tokens = zip(kept[cluster].tolist(), flow[cluster].tolist(), strict=True)
            rows += [{**told, "token": token, "kept": one, "rollout": value} for token, (one, value) in enumerate(tokens)]
        return Numbers(rows, batch.images)

    def draw(self, numbers: Numbers) -> "Picture":
        from matplotlib.figure import Figure as Picture

        sizes = {row["cluster"]: row["size"] for row in numbers.rows}
        largest = sorted(sizes, key=lambda cluster: (-sizes[cluster], cluster))[:CLUSTERS]
        picture = Picture(figsize=(page.COLUMN, 0.65 * len(largest) + 0.2))
        places = picture.subplots(len(largest), MEMBERS + 1, squeeze=False, width_ratios=[*[1] * MEMBERS, 2])
        for line, cluster in zip(places, largest, strict=True):
            mine: dict[int, list[Mapping[str, Any]]] = {}
            for row in numbers.rows:
                if row["cluster"] == cluster:
                    mine.setdefault(row["sample"], []).append(row)
            for place, (sample, tokens) in zip(line[:MEMBERS], mine.items(), strict=False):
                show(place, numbers.images[sample])
                _veil(place, tokens, numbers.images[sample].shape[0])
            for place in line[len(mine) : MEMBERS]:
                place.set_axis_off()
            _mixture(line[-1], Counter(tokens[0]["class"] for tokens in mine.values()))
            line[0].set_ylabel(f"{sizes[cluster]} images", fontsize=6)
        places[0, -1].set_title("labels", fontsize=6)
        return picture


def _merged(run: Results, payload: Payload) -> tuple[torch.Tensor, torch.Tensor]:
    """The cluster of each sample [B] and the tokens kept by each cluster [T, k]. Raises UsageError where nothing is merged."""
    kept = payload.kept.get("stages", [payload.kept])[0]  # in a chain the first stage merges
    if "assignment" not in kept or "positions" not in kept:
        raise UsageError(f"{run.path}: the uplink codec {run.scenario.uplink.codec.kind} merges no samples; adc does")
    return kept["assignment"], kept["positions"]


def _veil(place: "Axes", tokens: Sequence[Mapping[str, Any]], side: int) -> None:
    """Rollout over the patches kept, and pale where a patch was dropped."""
    heat, kept = (squared([token[key] for token in tokens[1:]]) for key in ("rollout", "kept"))
    extent = (-0.5, side - 0.5, side - 0.5, -0.5)
    place.imshow(np.where(kept > 0, heat, np.nan), cmap=page.HEAT, alpha=0.45, extent=extent)
    place.imshow(np.where(kept > 0, np.nan, 1.0), cmap="gray", vmin=0.0, vmax=1.0, alpha=0.75, extent=extent)


def _mixture(place: "Axes", labels: Counter[str]) -> None:
    """How many members have each label, the most common first."""
    common = labels.most_common(4)
    place.barh([name for name, _count in common], [count for _name, count in common], **page.filling(1))
    place.invert_yaxis()
    place.tick_params(labelsize=5)
    place.get_xaxis().set_visible(False)
    place.grid(visible=False)
