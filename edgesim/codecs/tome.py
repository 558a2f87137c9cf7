"""ToMe: alike tokens of a sample are merged into their mean."""

import math
from typing import Annotated

from torch import Generator, Tensor

from edgesim.codecs.base import Codec, Cut, Ratios
from edgesim.codecs.parts.knobs import whole, within
from edgesim.codecs.parts.precision import widen
from edgesim.codecs.parts.token_merging import calls, group_means, groups
from edgesim.wire import FLOAT_BITS, Field, Manifest, Payload, Smashed


class ToMe(Codec):
    """ToMe at the cut: tokens of a sample merge with their most similar ones until k are left; the server works on those.

    A call splits the tokens alternately into A (the class token first) and B; each of A but the class token proposes the one of
    B that it is most similar to, and the r best proposals merge, r <= floor((m - 1)/2) of m tokens. Calls repeat until k tokens
    are left: the unmerged of A, then B. A token that stands for a set S of the sample's tokens is their mean, which is what
    size-weighted merging amounts to:  W_j = (1/|S_j|) sum_{i in S_j} z_i;  the answer is dl/dW, and token i gets g_j / |S_j|.
    Similarity is the cosine of the activations: the keys of the last block's attention, which ToMe compares, do not reach a
    codec. Sizes are not sent, as no server half here has proportional attention (a logit offset of log |S|).
    Source: compression.md 2.13; published ToMe code.
    Ledgers: paper and code k/n both ways, as ToMe has no link.

    xi  target ratio, both ways: k = max(2, floor(xi n)); give this or k
    k   tokens left, the class token included; at least 2, if there are more

    >>> from edgesim.codecs.base import Cut
    >>> ToMe(Cut((197, 192)), xi=0.32).item
    (63, 192)
    """

    needs_tokens = True

    def __init__(
        self,
        cut: Cut,
        *,
        xi: Annotated[float, "(0, 1]"] | None = None,
        k: Annotated[int, "[1, inf)"] | None = None,
    ) -> None:
        super().__init__(cut)
        if len(cut.item) != 2:
            raise ValueError(f"tome merges rows of (tokens, width), got rows of shape {cut.item}")
        if (xi is None) == (k is None):
            raise ValueError(f"give either xi or k; got xi={xi}, k={k}")
        self.tokens, self.width = cut.item
        least = min(2, self.tokens)  # the class token never merges
        if xi is not None:
            within("(0, 1]", xi=xi)
            self.k = max(least, math.floor(xi * self.tokens))
        elif k is not None:
            whole(f"[{least}, {self.tokens}]", k=k)
            self.k = k

    # -- sizes --------------------------------------------------------------------------------------------------------

    @property
    def item(self) -> tuple[int, ...]:
        return self.k, self.width

    def decoded(self, batch: int) -> tuple[int, ...]:
        return (batch, *self.item)

    def manifest(self, batch: int) -> Manifest:
        values = Field("values", (batch, *self.item), FLOAT_BITS, "values", analog=True)
        charge = self.cut.base_bits(batch) * self.ratios(batch).paper_up
        return Manifest((values, *self.cut.label_fields(batch)), charge, charge)

    def ratios(self, batch: int) -> Ratios:
        share = self.k / self.tokens
        return Ratios(share, share, share, share)

    def flops(self, batch: int) -> tuple[float, float]:
        """A call on m tokens: 3 m d to normalise, 2 ceil(m/2) floor(m/2) d for cosines; the mean 2 n d with its gradient."""
        each = sum((3 * m + 2 * (m - m // 2) * (m // 2)) * self.width for m, _merged in calls(self.tokens, self.k))
        return float(batch * (each + 2 * self.tokens * self.width)), 0.0

    # -- tensors ------------------------------------------------------------------------------------------------------

    def encode(self, smashed: Smashed, generator: Generator) -> Payload:
        z = widen(smashed.x)
        wire = group_means(z, groups(z.detach(), self.k), self.k)
        tensors = {"values": wire.detach(), **self.cut.label_tensors(smashed.labels)}
        return Payload(self.manifest(len(z)), tensors, handle=wire)

    def expand(self, wire: Tensor, payload: Payload) -> Smashed:
        return Smashed(wire, payload.tensors.get("labels"))
