"""A run's model as it was when the run ended, with the data it knows."""

from typing import NamedTuple

import numpy as np
from torch import Tensor

from edgesim import build, rng
from edgesim.errors import UsageError
from edgesim.learn.models.base import ClientPart, ServerPart
from edgesim.learn.pipeline import Plain
from edgesim.record.folder import WEIGHTS
from edgesim.report.results import Results
from edgesim.scenario import Scenario

Images = dict[int, np.ndarray]


class Batch(NamedTuple):
    """Test samples.

    rows      [B] their places in the test set
    pictures  [B, C, S, S] float32 as the model sees them
    labels    [B] int64
    images    [S, S, C] uint8 by place, to look at
    """

    rows: list[int]
    pictures: Tensor
    labels: Tensor
    images: Images


class Trained(NamedTuple):
    """The scenario, what of it learns, and both parts of the model with the weights the run left."""

    scenario: Scenario
    task: build.Learning
    client: ClientPart
    server: ServerPart

    def batch(self, count: int) -> Batch:
        """Test samples at random, the same for every figure of the run."""
        test = self.task.data.test()
        order = np.random.default_rng(rng.seed(self.scenario.seed, "figure")).permutation(len(test))
        rows = np.sort(order[: min(count, len(test))])
        view = self.task.model.view(self.task.facts)
        pictures, labels = Plain(view)(test, rows, 0)
        pixels = test.pixels(rows, view.image_size).permute(0, 2, 3, 1).numpy()
        return Batch(rows.tolist(), pictures, labels, dict(zip(rows.tolist(), pixels, strict=True)))


def trained(run: Results) -> Trained:
    """Build a run's model again from resolved.yaml and fill it. Raises UsageError where the run kept no weights."""
    file = run.path / WEIGHTS
    if not file.is_file():
        why = "nothing was trained" if run.manifest["timing_only"] else "weights of large models are kept with --weights only"
        raise UsageError(f"{run.path} holds no {WEIGHTS}: {why}")
    filled = run.scenario_with({"model.weights": str(file), "model.pretrained": False})
    task = build.learning(run.scenario)  # pictures are shown to the model as they were then
    model = build.make(filled, "model", filled.model, ("model",))
    client, server = model.build(task.facts, run.scenario.seed, "cpu")
    return Trained(run.scenario, task, client.eval(), server.eval())
