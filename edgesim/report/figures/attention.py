"""Where the class token looks, layer by layer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from edgesim.learn.attention import watched
from edgesim.report import page
from edgesim.report.figures.base import Figure, Numbers
from edgesim.report.results import Results
from edgesim.report.trained import trained

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

SAMPLES = 4
LARGEST_TILE = 0.7  # inches


class Attention(Figure):
    """The class token's attention to the patches by layer, for the same few test images; above, its mean share to itself."""

    def numbers(self, runs: Sequence[Results]) -> Numbers:
        [run] = runs
        model = trained(run)
        batch = model.batch(SAMPLES)
        with torch.no_grad(), watched(model.client, model.server) as matrices:
            model.server(model.client(batch.pictures)[0])
        rows: list[dict[str, Any]] = []
        cut = run.scenario.model.knobs()["cut"]
        for layer, matrix in enumerate(matrices, 1):
            scores = matrix[:, 0].tolist()  # [B, n]
            for sample, label, row in zip(batch.rows, batch.labels.tolist(), scores, strict=True):
                told = {"sample": sample, "class": model.task.facts.names[label], "layer": layer}
                told["side"] = "client" if layer <= cut else "server"
                rows += [{**told, "token": token, "attention": value} for token, value in enumerate(row)]
        return Numbers(rows, batch.images)

    def draw(self, numbers: Numbers) -> "Picture":
        from matplotlib.figure import Figure as Picture

        layers = sorted({row["layer"] for row in numbers.rows})
        samples = sorted(numbers.images)
        tile = min(LARGEST_TILE, page.PAGE / (1 + len(layers)))
        picture = Picture(figsize=(tile * (1 + len(layers)), tile * len(samples) + 0.4))
        places = picture.subplots(len(samples), 1 + len(layers), squeeze=False)
        side = {row["layer"]: row["side"] for row in numbers.rows}
        for line, sample in zip(places, samples, strict=True):
            show(line[0], numbers.images[sample])
            for layer, place in zip(layers, line[1:], strict=True):
                patches = [row["attention"] for row in numbers.rows if (row["sample"], row["layer"]) == (sample, layer)][1:]
                place.imshow(squared(patches), cmap=page.HEAT)
                bare(place)
        for layer, place in zip(layers, places[0, 1:], strict=True):
            own = [row["attention"] for row in numbers.rows if row["layer"] == layer and row["token"] == 0]
            place.set_title(f"{layer} {side[layer]}\n{np.mean(own):.2f}", fontsize=6)
        places[0, 0].set_title("layer\nto itself", fontsize=6)
        return picture


def squared(patches: Sequence[float]) -> "np.ndarray":
    """[g g] values of patches as they lie in the picture, [g, g]."""
    side = round(len(patches) ** 0.5)
    return np.asarray(patches[-side * side :]).reshape(side, side)  # registers stand before the patches


def show(place: "Axes", image: "np.ndarray") -> None:
    """A picture [S, S, C] uint8, grey or in colour."""
    place.imshow(image.squeeze(-1) if image.shape[-1] == 1 else image, cmap="gray", vmin=0, vmax=255)
    bare(place)


def bare(place: "Axes") -> None:
    """No ticks, no grid and no frame."""
    place.spines[:].set_visible(False)
    place.set(xticks=[], yticks=[])
    place.grid(visible=False)
