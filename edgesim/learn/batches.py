"""The mini-batches of one client."""

from typing import Any

import numpy as np
from torch import Tensor

from edgesim.learn.augment.base import Pipeline
from edgesim.learn.pictures import ImageSet, Indices
from edgesim.rng import seed as seed_of


class Batches:
    """Endless mini-batches of a client's share, in a new order each epoch; a short last batch is left out.

    The order of an epoch and the augmentation of a batch are functions of (seed, client, epoch, position), so the place in
    the data is two numbers.

    images       the whole training set
    rows         the client's share of it
    batch        samples per mini-batch
    pipeline     from rows to tensors
    seed         of the run
    client       number of the client
    accelerator  torch device of the host that batches are put on
    """

    def __init__(
        self,
        images: ImageSet,
        rows: Indices,
        batch: int,
        pipeline: Pipeline,
        *,
        seed: int,
        client: int = 0,
        accelerator: str = "cpu",
    ) -> None:
        if not 1 <= batch <= len(rows):
            raise ValueError(f"batch_size must be between 1 and the {len(rows)} samples of client {client}, got {batch}")
        self._images, self._rows, self._pipeline = images, rows, pipeline
        self._seed, self._client, self._accelerator = seed, client, accelerator
        self.batch = batch
        self.steps_per_epoch = len(rows) // batch
        self._pass = self._position = 0  # where the next batch is
        self._order = self._shuffled()

    @property
    def epoch(self) -> int:
        """Which pass over the data, from 0, the latest batch belongs to."""
        return self._pass - (self._position == 0 < self._pass)

    def next(self) -> tuple[Tensor, Tensor]:
        """The next pictures [B, C, S, S] float32 and labels [B] int64 or [B, classes] float32."""
        first = self._position * self.batch
        seed = seed_of(self._seed, "augment", self._client, self._pass, self._position)
        images, labels = self._pipeline(self._images, self._order[first : first + self.batch], seed)
        self._advance()
        return images.to(self._accelerator), labels.to(self._accelerator)

    def state(self) -> dict[str, Any]:
        return {"epoch": self._pass, "position": self._position}

    def restore(self, state: dict[str, Any]) -> None:
        self._pass, self._position = state["epoch"], state["position"]
        self._order = self._shuffled()

    def _advance(self) -> None:
        self._position += 1
        if self._position == self.steps_per_epoch:
            self._pass, self._position = self._pass + 1, 0
            self._order = self._shuffled()

    def _shuffled(self) -> Indices:
        generator = np.random.default_rng(seed_of(self._seed, "order", self._client, self._pass))
        return generator.permutation(self._rows)
