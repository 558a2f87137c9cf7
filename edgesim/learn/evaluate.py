"""Looking at the test set."""

import math
from concurrent.futures import Executor
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from edgesim.codecs.exchange import Exchange
from edgesim.learn.ahead import ahead, moved
from edgesim.learn.augment.base import Pipeline
from edgesim.learn.models.base import ClientPart, ServerPart
from edgesim.learn.pictures import ImageSet
from edgesim.rng import seed as seed_of
from edgesim.wire import Manifest, Smashed


class Score(NamedTuple):
    """The outcome of one look at the test set.

    accuracy             share of all test samples classified right
    accuracy_batch_mean  unweighted mean over batches, as the published ADC code reports it (compression.md 3.3)
    loss                 mean cross entropy
    samples              test samples seen
    bits                 what crossing the cut upward takes for all of them, labels left out
    accuracy_codec       accuracy of a second look, with the codec on; NaN where there was none
    """

    accuracy: float
    accuracy_batch_mean: float
    loss: float
    samples: int
    bits: int
    accuracy_codec: float = math.nan


class Evaluator:
    """Evaluates both halves on a whole test set.

    client, server  the halves' parts, as they are when `run` is called
    exchange        codecs
    images          test set, on the accelerator where it is held in memory
    pipeline        the test pipeline (`Plain`)
    batch           samples at a time; the last batch may be short
    codec           whether samples pass the uplink codec; off, the activations cross as they are (compression.md 1.4)
    seed            of the run; codec randomness is a function of (seed, batch number), the same at every look
    receiver        the server's codecs, where they are not those of the client
    pool            prepares each batch while the one before is looked at; None: when its turn comes
    """

    def __init__(
        self,
        client: ClientPart,
        server: ServerPart,
        exchange: Exchange,
        images: ImageSet,
        pipeline: Pipeline,
        *,
        batch: int,
        codec: bool = False,
        seed: int = 0,
        receiver: Exchange | None = None,
        pool: Executor | None = None,
    ) -> None:
        if batch < 1:
            raise ValueError(f"batch must be at least 1, got {batch}")
        self._client, self._server, self._exchange, self._receiver = client, server, exchange, receiver or exchange
        self._images, self._pipeline, self._batch = images, pipeline, batch
        self._codec, self._seed, self._pool = codec, seed, pool
        self._accelerator = next(client.parameters()).device

    def run(self) -> Score:
        """Classify every test sample once; modes of the modules are as before afterwards."""
        modules: tuple[nn.Module, ...] = (self._client, self._server, self._exchange.up, self._receiver.up)
        training, attention = [module.training for module in modules], self._client.with_attention
        self._client.with_attention = self._codec and self._exchange.up.needs_attention
        for module in modules:
            module.eval()
        try:
            with torch.no_grad():
                return self._run()
        finally:
            self._client.with_attention = attention
            for module, was_training in zip(modules, training, strict=True):
                module.train(was_training)

    def _run(self) -> Score:
        total = len(self._images)
        sizes, right, losses, bits = [], [], [], 0
        jobs = [partial(self._prepared, number, first) for number, first in enumerate(range(0, total, self._batch))]
        for number, (pictures, labels) in enumerate(ahead(self._pool, jobs)):
            logits, manifest = self._outputs(pictures, labels, number)
            sizes.append(len(labels))
            right.append((logits.argmax(-1) == labels).sum())
            losses.append(cross_entropy(logits, labels, reduction="sum"))
            bits += manifest.bits - manifest.by_role["labels"]
        hits, loss = torch.stack([torch.stack(right).double(), torch.stack(losses).double()]).cpu()  # the only wait
        return Score(
            accuracy=float(hits.sum()) / total,
            accuracy_batch_mean=float((hits / torch.tensor(sizes)).mean()),
            loss=float(loss.sum()) / total,
            samples=total,
            bits=bits,
        )

    def _prepared(self, number: int, first: int) -> tuple[Tensor, Tensor]:
        """Pictures and labels of a batch, on the accelerator."""
        rows = np.arange(first, min(first + self._batch, len(self._images)))
        pictures, labels = self._pipeline(self._images, rows, seed_of(self._seed, "evaluate", number))
        return moved(pictures, self._accelerator), moved(labels, self._accelerator)

    def _outputs(self, pictures: Tensor, labels: Tensor, number: int) -> tuple[Tensor, Manifest]:
        """Logits per sample, and the message that crosses the cut."""
        z, attention = self._client(pictures)
        if not self._codec:
            return self._server(z), self._exchange.base_manifests(len(z))[0]
        generator = Generator(self._accelerator).manual_seed(seed_of(self._seed, "evaluate", "codec", number))
        payload = self._exchange.send_up(Smashed(z, labels, attention), generator)
        arrived = self._receiver.up.decode(payload.departed())
        return self._exchange.up.spread(self._server(arrived.x), payload), payload.manifest
