"""The mini-batches of one client."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from edgesim.learn.ahead import ahead, moved
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
    pool         prepares each batch while the one before is used; None: when it is asked for. The batches are the same
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
        pool: Executor | None = None,
    ) -> None:
        if not 1 <= batch <= len(rows):
            raise ValueError(f"batch_size must be between 1 and the {len(rows)} samples of client {client}, got {batch}")
        self._images, self._rows, self._pipeline = images, rows, pipeline
        self._seed, self._client, self._accelerator, self._pool = seed, client, accelerator, pool
        self.batch = batch
        self.steps_per_epoch = len(rows) // batch
        self._pass = self._position = 0  # where the next batch is
        self._prepared = ahead(self._pool, self._jobs())

    @property
    def epoch(self) -> int:
        """Which pass over the data, from 0, the latest batch belongs to."""
        return self._pass - (self._position == 0 < self._pass)

    def next(self) -> tuple[Tensor, Tensor]:
        """The next pictures [B, C, S, S] float32 and labels [B] int64 or [B, classes] float32."""
        batch = next(self._prepared)
        self._pass, self._position = self._after(self._pass, self._position)
        return batch

    def state(self) -> dict[str, Any]:
        return {"epoch": self._pass, "position": self._position, "batches": self.steps_per_epoch}

    def restore(self, state: dict[str, Any]) -> None:
        """Raises ValueError where a pass has other batches."""
        if state["batches"] != self.steps_per_epoch:
            raise ValueError(f"data: a pass has {self.steps_per_epoch} batches, and {state['batches']} in the checkpoint")
        self._pass, self._position = state["epoch"], state["position"]
        self._prepared = ahead(self._pool, self._jobs())

    def _after(self, epoch: int, position: int) -> tuple[int, int]:
        return (epoch, position + 1) if position + 1 < self.steps_per_epoch else (epoch + 1, 0)

    def _jobs(self) -> Iterator[Callable[[], tuple[Tensor, Tensor]]]:
        """How each batch is made, from the place in the data on."""
        epoch, position, order = self._pass, self._position, self._shuffled(self._pass)
        while True:
            first = position * self.batch
            yield partial(self._made, order[first : first + self.batch], epoch, position)
            epoch, position = self._after(epoch, position)
            order = order if position else self._shuffled(epoch)

    def _made(self, rows: Indices, epoch: int, position: int) -> tuple[Tensor, Tensor]:
        seed = seed_of(self._seed, "augment", self._client, epoch, position)
        images, labels = self._pipeline(self._images, rows, seed)
        return moved(images, self._accelerator), moved(labels, self._accelerator)

    def _shuffled(self, epoch: int) -> Indices:
        return np.random.default_rng(seed_of(self._seed, "order", self._client, epoch)).permutation(self._rows)
