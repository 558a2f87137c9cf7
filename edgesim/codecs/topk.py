"""Top-K: of every sample the largest values, and where they were."""

import math
from typing import Annotated, Literal

import torch
from torch import Generator, Tensor

from edgesim.codecs.base import Codec, Cut, Ratios, bits_for
from edgesim.codecs.parts.knobs import one_of, within
from edgesim.codecs.parts.precision import widen
from edgesim.codecs.parts.subsets import bitmap_bits, enumerative_bits, list_bits
from edgesim.wire import FLOAT_BITS, Field, Manifest, Payload, Smashed

Index = Literal["list_or_bitmap", "enumerative"]
# Comparisons per entry of Hoare's selection, averaged over inputs, at the worst rank: 2 (1 + ln 2).
# D. Knuth, The Art of Computer Programming, vol. 3, 2nd ed., exercise 5.2.2-32.
SELECTION_FLOPS = 2.0 * (1.0 + math.log(2.0))


class TopK(Codec):
    """Top-K sparsification: the k entries of largest magnitude of each sample, with their indices.

    W = z_S with S the k = max(1, round(rate D)) largest |z| of all D entries of a sample; the server fills up with zeros.
    The answer is dl/dW, k numbers in the client's own order, without indices. Exactly k entries are kept, whatever the ties.
    Source: compression.md 2.4; Alvetreti et al., arXiv 2509.15058, section 5.2 and Table 1. No error feedback.
    Ledgers: paper (k/D)(1 + log2 D / 32) up, k/D down; code rate (1 + ceil(log2(B D)) / 32) up, rate down, as the published
    code spreads indices over the whole batch. Wire: 32 bits a value and the indices of each sample; nothing for k = D.

    rate   share of entries kept; give this or xi
    xi     target ratio in the paper's ledger, the mean of both directions: rate = 2 xi / (2 + log2 D / 32)
    index  how a sample's indices travel: `list_or_bitmap`, the shorter of k ceil(log2 D) and D bits, with 1 bit saying
           which; or `enumerative`, the number of the subset in ceil(log2 binom(D, k)) bits, the least possible

    >>> from edgesim.codecs.base import Cut
    >>> TopK(Cut((197, 192)), rate=0.1).manifest(1).by_role["side"]
    37825
    """

    def __init__(
        self,
        cut: Cut,
        *,
        rate: Annotated[float, "(0, 1]"] | None = None,
        xi: Annotated[float, "(0, 1]"] | None = None,
        index: Index = "list_or_bitmap",
    ) -> None:
        super().__init__(cut)
        one_of(index=(index, Index))
        if (rate is None) == (xi is None):
            raise ValueError(f"give either rate or xi; got rate={rate}, xi={xi}")
        if rate is not None:
            within("(0, 1]", rate=rate)
            self.rate = rate
        elif xi is not None:
            within("(0, 1]", xi=xi)
            self.rate = 2.0 * xi / (2.0 + math.log2(cut.features) / FLOAT_BITS)
        self.k = max(1, round(self.rate * cut.features))
        self.index = index

    # -- sizes --------------------------------------------------------------------------------------------------------

    @property
    def item(self) -> tuple[int, ...]:
        return (self.k,)

    def manifest(self, batch: int) -> Manifest:
        values = Field("values", (batch, self.k), FLOAT_BITS, "values", analog=True)
        base, ratios = self.cut.base_bits(batch), self.ratios(batch)
        fields = (values, *self._index_fields(batch), *self.cut.label_fields(batch))
        return Manifest(fields, base * ratios.paper_up, base * ratios.code_up)

    def _index_fields(self, batch: int) -> tuple[Field, ...]:
        total, kept = self.cut.features, self.k
        if kept == total:
            return ()
        if self.index == "enumerative":
            return (Field("indices", (batch,), enumerative_bits(total, kept), "side"),)
        mode = Field("index_mode", (batch,), 1, "side")
        if self._sends_list():
            return (Field("indices", (batch, kept), bits_for(total), "side"), mode)
        return (Field("indices", (batch,), bitmap_bits(total), "side"), mode)

    def _sends_list(self) -> bool:
        return list_bits(self.cut.features, self.k) <= bitmap_bits(self.cut.features)

    def ratios(self, batch: int) -> Ratios:
        total = self.cut.features
        share = self.k / total
        paper_up = share * (1.0 + math.log2(total) / FLOAT_BITS)
        code_up = self.rate * (1.0 + bits_for(batch * total) / FLOAT_BITS)
        return Ratios(paper_up, share, code_up, self.rate)

    def flops(self, batch: int) -> tuple[float, float]:
        """Per sample D magnitudes and `SELECTION_FLOPS` D comparisons; moving values costs none."""
        return batch * self.cut.features * (1.0 + SELECTION_FLOPS), 0.0

    # -- tensors ------------------------------------------------------------------------------------------------------

    def encode(self, smashed: Smashed, generator: Generator) -> Payload:
        flat = widen(smashed.x).flatten(1)  # [B, D]
        kept = _largest(flat.detach().abs(), self.k)
        wire = flat.gather(1, kept)
        manifest = self.manifest(len(flat))
        mode = torch.full((len(flat),), int(not self._sends_list()), dtype=torch.uint8, device=flat.device)
        tensors = {"values": wire.detach(), "indices": kept, "index_mode": mode, **self.cut.label_tensors(smashed.labels)}
        return Payload(manifest, {item.name: tensors[item.name] for item in manifest.fields}, handle=wire)

    def expand(self, wire: Tensor, payload: Payload) -> Smashed:
        labels = payload.tensors.get("labels")
        shape = (len(wire), *self.cut.item)
        if self.k == self.cut.features:
            return Smashed(wire.view(shape), labels)
        empty = wire.new_zeros(len(wire), self.cut.features)
        return Smashed(empty.scatter(1, payload.tensors["indices"], wire).view(shape), labels)


def _largest(magnitudes: Tensor, k: int) -> Tensor:
    """Places of the k largest of each row, [B, k] int64, ascending. By way of a mask, which is cheaper than sorting places."""
    chosen = magnitudes.topk(k, dim=1, sorted=False).indices
    mask = torch.zeros_like(magnitudes, dtype=torch.bool).scatter_(1, chosen, True)
    return mask.nonzero()[:, 1].view(-1, k)
