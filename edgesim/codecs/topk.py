"""Top-K: of every sample the largest values, and where they were."""

from typing import Annotated

from torch import Generator, Tensor

from edgesim.codecs.base import Codec, Cut, Ratios
from edgesim.codecs.parts.precision import widen
from edgesim.codecs.parts.sparse import SELECTION_FLOPS, Index, Sparse, largest
from edgesim.wire import Manifest, Payload, Smashed


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
        self.sparse = Sparse(cut, rate, xi, index)
        self.k = self.sparse.k

    @property
    def item(self) -> tuple[int, ...]:
        return (self.k,)

    def manifest(self, batch: int) -> Manifest:
        return self.sparse.manifest(batch)

    def ratios(self, batch: int) -> Ratios:
        return self.sparse.ratios(batch)

    def flops(self, batch: int) -> tuple[float, float]:
        """Per sample D magnitudes and `SELECTION_FLOPS` D comparisons; moving values costs none."""
        return batch * self.cut.features * (1.0 + SELECTION_FLOPS), 0.0

    def encode(self, smashed: Smashed, generator: Generator) -> Payload:
        flat = widen(smashed.x).flatten(1)  # [B, D]
        return self.sparse.payload(flat, largest(flat.detach().abs(), self.k), smashed.labels)

    def expand(self, wire: Tensor, payload: Payload) -> Smashed:
        return self.sparse.expand(wire, payload)
