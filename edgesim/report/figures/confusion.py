"""What the trained model takes for what."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from edgesim.learn.pipeline import Plain
from edgesim.report import page
from edgesim.report.figures.base import Figure, Numbers
from edgesim.report.results import Results
from edgesim.report.trained import trained

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

BATCH = 256  # test images at a time
MOST_NAMED = 30  # classes whose names fit the axes
MOST_COUNTED = 12  # classes whose counts fit the tiles


class Confusion(Figure):
    """Test images by true and predicted class, from the weights that were kept, codec off; shares of the true class."""

    def numbers(self, runs: Sequence[Results]) -> Numbers:
        [run] = runs
        model = trained(run)
        test, names = model.task.data.test(), model.task.facts.names
        pipeline = Plain(model.task.model.view(model.task.facts))
        counts = np.zeros((len(names), len(names)), dtype=int)
        with torch.no_grad():
            for first in range(0, len(test), BATCH):
                pictures, labels = pipeline(test, np.arange(first, min(first + BATCH, len(test))), 0)
                guesses = model.server(model.client(pictures)[0]).argmax(-1)
                np.add.at(counts, (labels.numpy(), guesses.numpy()), 1)
        cells = np.ndenumerate(counts)
        return Numbers([{"true": names[t], "predicted": names[p], "images": int(count)} for (t, p), count in cells])

    def draw(self, numbers: Numbers) -> "Picture":
        from matplotlib.figure import Figure as Picture

        counts = np.array([row["images"] for row in numbers.rows])
        side = round(len(counts) ** 0.5)
        names = [str(row["predicted"]) for row in numbers.rows[:side]]
        counts = counts.reshape(side, side)
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        picture = Picture(figsize=(page.COLUMN, 3.0))
        place = picture.subplots()
        shown = place.imshow(shares, cmap=page.HEAT, vmin=0.0, vmax=1.0)
        picture.colorbar(shown, ax=place, label="share of the true class")
        if side <= MOST_NAMED:
            place.set_xticks(range(side), names, rotation=90 if max(map(len, names)) > 2 else 0)
            place.set_yticks(range(side), names)
        for (true, guess), count in np.ndenumerate(counts) if side <= MOST_COUNTED else ():
            colour = "black" if shares[true, guess] > 0.5 else "white"  # against light and dark ends of the scale
            place.text(guess, true, str(count), ha="center", va="center", fontsize=5, color=colour)
        place.set(xlabel="predicted class", ylabel="true class")
        place.grid(visible=False)
        return picture
