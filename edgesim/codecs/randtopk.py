"""RandTopK: mostly the largest values of a sample, and now and then others."""

from typing import Annotated

import torch
from torch import Generator, Tensor

from edgesim.codecs.base import Codec, Cut, Ratios
from edgesim.codecs.parts.knobs import within
from edgesim.codecs.parts.precision import widen
from edgesim.codecs.parts.sparse import SELECTION_FLOPS, Index, Sparse, largest
from edgesim.wire import Manifest, Payload, Smashed

DRAW_FLOPS = 3.0  # a logarithm, a product and a comparison per entry


class RandTopK(Codec):
    """Randomised Top-K: k entries of each sample drawn without replacement, the largest far more likely than the others.

    Each of the k largest |z| of a sample weighs (1 - alpha)/k, each other entry alpha/(D - k); k indices are drawn one after
    another, with probabilities proportional to the weights that are left. Drawn at once and exactly by exponential keys: the k
    smallest of E_i / w_i, E_i ~ Exp(1) (P. Efraimidis and P. Spirakis, Information Processing Letters 97(5), 2006). Values are
    not rescaled; the answer is dl/dW at the same places, as for Top-K.
    alpha is not the share of picks from outside the k largest: that is y with x + y = 1, y = -alpha/(1 - alpha) ln(1 - x) for
    many entries and k << D, and 18.7 % at alpha = 0.1. At evaluation the choice is Top-K's, as in the authors' code.
    Source: compression.md 2.5; published code of RandTopK, the rule called `NaiveRandomTopKModifier` there.
    Ledgers and sizes: those of `topk`.

    rate   share of entries kept; give this or xi
    xi     target ratio in the paper's ledger, the mean of both directions: rate = 2 xi / (2 + log2 D / 32)
    alpha  weight of all the entries outside the k largest together, at the first draw; 0 is Top-K
    index  how a sample's indices travel, as for topk: `list_or_bitmap` or `enumerative`

    >>> from edgesim.codecs.base import Cut
    >>> RandTopK(Cut((197, 192)), rate=0.1).manifest(1).by_role["side"]
    37825
    """

    def __init__(
        self,
        cut: Cut,
        *,
        rate: Annotated[float, "(0, 1]"] | None = None,
        xi: Annotated[float, "(0, 1]"] | None = None,
        alpha: Annotated[float, "[0, 1)"] = 0.1,
        index: Index = "list_or_bitmap",
    ) -> None:
        super().__init__(cut)
        within("[0, 1)", alpha=alpha)
        self.sparse = Sparse(cut, rate, xi, index)
        self.k, self.alpha = self.sparse.k, alpha

    @property
    def item(self) -> tuple[int, ...]:
        return (self.k,)

    def manifest(self, batch: int) -> Manifest:
        return self.sparse.manifest(batch)

    def ratios(self, batch: int) -> Ratios:
        return self.sparse.ratios(batch)

    def flops(self, batch: int) -> tuple[float, float]:
        """Per sample D magnitudes, two selections of `SELECTION_FLOPS` D and D keys of `DRAW_FLOPS`."""
        return batch * self.cut.features * (1.0 + 2.0 * SELECTION_FLOPS + DRAW_FLOPS), 0.0

    def encode(self, smashed: Smashed, generator: Generator) -> Payload:
        flat = widen(smashed.x).flatten(1)  # [B, D]
        top = largest(flat.detach().abs(), self.k)
        is_drawn = self.training and self.alpha > 0.0 and self.k < self.cut.features
        return self.sparse.payload(flat, self._drawn(top, generator) if is_drawn else top, smashed.labels)

    def _drawn(self, top: Tensor, generator: Generator) -> Tensor:
        """Places [B, k], ascending. The smallest E/w are the largest w/E; weights are relative to those of the top k."""
        shape = (len(top), self.cut.features)
        clocks = torch.empty(shape, device=generator.device).exponential_(generator=generator).to(top.device)
        handicap = self.alpha / (1.0 - self.alpha) * self.k / (self.cut.features - self.k)
        weights = torch.full(shape, handicap, device=top.device).scatter_(1, top, 1.0)
        return largest(weights / clocks, self.k)

    def expand(self, wire: Tensor, payload: Payload) -> Smashed:
        return self.sparse.expand(wire, payload)
