"""Entries picked from each sample's D: how many, how their places travel, what the published ledgers charge."""

import math
from typing import Literal

import torch
from torch import Tensor

from edgesim.codecs.base import Cut, Ratios, bits_for
from edgesim.codecs.parts.knobs import one_of, within
from edgesim.codecs.parts.subsets import bitmap_bits, enumerative_bits, list_bits
from edgesim.wire import FLOAT_BITS, Below, Field, Manifest, Payload, Smashed, Subset

Index = Literal["list_or_bitmap", "enumerative"]
# Comparisons per entry of Hoare's selection, averaged over inputs, at the worst rank: 2 (1 + ln 2).
# D. Knuth, The Art of Computer Programming, vol. 3, 2nd ed., exercise 5.2.2-32.
SELECTION_FLOPS = 2.0 * (1.0 + math.log(2.0))


class Sparse:
    """k = max(1, round(rate D)) entries of each sample with their places: sizes, charges, and the payload (compression.md 2.4).

    rate   share of entries kept; this or xi, else ValueError
    xi     target ratio in the paper's ledger, the mean of both directions: rate = 2 xi / (2 + log2 D / 32)
    index  `list_or_bitmap`, the shorter of k ceil(log2 D) and D bits a sample, with 1 bit saying which; or `enumerative`, the
           number of the subset in ceil(log2 binom(D, k)) bits
    """

    def __init__(self, cut: Cut, rate: float | None, xi: float | None, index: Index) -> None:
        one_of(index=(index, Index))
        if (rate is None) == (xi is None):
            raise ValueError(f"give either rate or xi; got rate={rate}, xi={xi}")
        if rate is not None:
            within("(0, 1]", rate=rate)
            self.rate = rate
        elif xi is not None:
            within("(0, 1]", xi=xi)
            self.rate = 2.0 * xi / (2.0 + math.log2(cut.features) / FLOAT_BITS)
        self.cut, self.index = cut, index
        self.total = cut.features
        self.k = max(1, round(self.rate * self.total))
        self._sends_list = list_bits(self.total, self.k) <= bitmap_bits(self.total)

    def manifest(self, batch: int) -> Manifest:
        values = Field("values", (batch, self.k), FLOAT_BITS, "values", analog=True)
        base, ratios = self.cut.base_bits(batch), self.ratios(batch)
        fields = (values, *self._index_fields(batch), *self.cut.label_fields(batch))
        return Manifest(fields, base * ratios.paper_up, base * ratios.code_up)

    def _index_fields(self, batch: int) -> tuple[Field, ...]:
        if self.k == self.total:
            return ()
        subset = Subset(self.total, self.k)
        if self.index == "enumerative":
            return (Field("indices", (batch,), enumerative_bits(self.total, self.k), "side", form=subset),)
        mode = Field("index_mode", (batch,), 1, "side")
        if self._sends_list:
            return (Field("indices", (batch, self.k), bits_for(self.total), "side", form=Below(self.total)), mode)
        return (Field("indices", (batch,), bitmap_bits(self.total), "side", form=subset), mode)

    def ratios(self, batch: int) -> Ratios:
        """Paper (k/D)(1 + log2 D / 32) up, k/D down; code rate (1 + ceil(log2(B D)) / 32) up, rate down."""
        share = self.k / self.total
        paper_up = share * (1.0 + math.log2(self.total) / FLOAT_BITS)
        code_up = self.rate * (1.0 + bits_for(batch * self.total) / FLOAT_BITS)
        return Ratios(paper_up, share, code_up, self.rate)

    def payload(self, flat: Tensor, picked: Tensor, labels: Tensor | None) -> Payload:
        """flat: [B, D] in the graph of the activations; picked: [B, k] int64, ascending places."""
        wire = flat.gather(1, picked)
        manifest = self.manifest(len(flat))
        mode = torch.full((len(flat),), int(not self._sends_list), dtype=torch.uint8, device=flat.device)
        tensors = {"values": wire.detach(), "indices": picked, "index_mode": mode, **self.cut.label_tensors(labels)}
        return Payload(manifest, {item.name: tensors[item.name] for item in manifest.fields}, handle=wire)

    def expand(self, wire: Tensor, payload: Payload) -> Smashed:
        """The values at their places, zeros elsewhere; differentiable in `wire` [B, k]."""
        full = wire
        if self.k < self.total:
            full = wire.new_zeros(len(wire), self.total).scatter(1, payload.tensors["indices"], wire)
        return Smashed(full.view(len(wire), *self.cut.item), payload.tensors.get("labels"))


def largest(scores: Tensor, k: int) -> Tensor:
    """Places of the k largest of each row, [B, k] int64, ascending."""
    chosen = scores.topk(k, dim=1, sorted=False).indices
    if scores.is_cuda:  # a CPU finds the places of a mask sooner than it sorts; a GPU would be waited for to count them
        return chosen.sort(1).values
    mask = torch.zeros_like(scores, dtype=torch.bool).scatter_(1, chosen, True)
    return mask.nonzero()[:, 1].view(-1, k)
