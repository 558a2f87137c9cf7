"""EViT: the tokens that the class token looks at most, and one for all the others."""

import math
from typing import Annotated

import torch
from torch import Generator, Tensor

from edgesim.codecs.base import Codec, Cut, Ratios
from edgesim.codecs.parts.knobs import within
from edgesim.codecs.parts.merging import best_positions
from edgesim.codecs.parts.precision import widen
from edgesim.wire import FLOAT_BITS, Field, Manifest, Payload, Smashed


class EViT(Codec):
    """EViT at the cut: of every sample the class token, the m tokens it attends to most, and the others fused into one.

    With a the class token's attention in the last block before the cut (mean over heads), and K its m largest among the n - 1
    patch tokens,  W = [z_0, z_i for i in K in their order, sum_{j not in K} a_j z_j];  weights a_j are not renormalised. The
    server works on m + 2 tokens, without indices. The answer is dl/dW: kept tokens get theirs, a fused token j gets a_j times
    that of the fused one (attention itself gets none, it is not differentiated). With m = n - 1 nothing is fused: Base.
    Here the choice is made behind the block instead of between its attention and its MLP, and the share is fixed: no warm-up.
    Source: compression.md 2.14; published EViT code.
    Ledgers: paper and code (m + 2)/n both ways, as EViT has no link.

    keep  share of patch tokens kept: m = ceil(keep (n - 1)); give this or xi
    xi    target ratio, both ways: m = floor(xi n) - 2, at least 1; 1 is Base

    >>> from edgesim.codecs.base import Cut
    >>> EViT(Cut((197, 192)), keep=0.7).item
    (140, 192)
    """

    needs_attention = True
    needs_tokens = True

    def __init__(
        self,
        cut: Cut,
        *,
        keep: Annotated[float, "(0, 1]"] | None = None,
        xi: Annotated[float, "(0, 1]"] | None = None,
    ) -> None:
        super().__init__(cut)
        if len(cut.item) != 2 or cut.item[0] < 2:
            raise ValueError(f"evit selects among rows of (tokens, width) with patch tokens, got rows of shape {cut.item}")
        if (keep is None) == (xi is None):
            raise ValueError(f"give either keep or xi; got keep={keep}, xi={xi}")
        self.tokens, self.width = cut.item
        patches = self.tokens - 1
        if keep is not None:
            within("(0, 1]", keep=keep)
            self.kept = math.ceil(keep * patches)
        elif xi is not None:
            within("(0, 1]", xi=xi)
            self.kept = patches if xi == 1.0 else min(patches, max(1, math.floor(xi * self.tokens) - 2))
        self.is_fusing = self.kept < patches

    # -- sizes --------------------------------------------------------------------------------------------------------

    @property
    def item(self) -> tuple[int, ...]:
        return 1 + self.kept + self.is_fusing, self.width

    def decoded(self, batch: int) -> tuple[int, ...]:
        return (batch, *self.item)

    def manifest(self, batch: int) -> Manifest:
        values = Field("values", (batch, *self.item), FLOAT_BITS, "values", analog=True)
        charge = self.cut.base_bits(batch) * self.ratios(batch).paper_up
        return Manifest((values, *self.cut.label_fields(batch)), charge, charge)

    def ratios(self, batch: int) -> Ratios:
        share = self.item[0] / self.tokens
        return Ratios(share, share, share, share)

    def flops(self, batch: int) -> tuple[float, float]:
        """n log2 n comparisons to rank; 2 d a fused token forward, d backward. Moving tokens costs none."""
        fused = (self.tokens - 1 - self.kept) * 3 * self.width
        return batch * (self.tokens * math.log2(self.tokens) + fused), 0.0

    # -- tensors ------------------------------------------------------------------------------------------------------

    def encode(self, smashed: Smashed, generator: Generator) -> Payload:
        z = widen(smashed.x)
        wire = self._selected(z, smashed.attention) if self.is_fusing else z
        tensors = {"values": wire.detach(), **self.cut.label_tensors(smashed.labels)}
        return Payload(self.manifest(len(z)), tensors, handle=wire)

    def _selected(self, z: Tensor, attention: Tensor | None) -> Tensor:
        if attention is None:
            raise ValueError("evit ranks tokens by the class token's attention, but the smashed data has none")
        scores = attention.detach().to(z.dtype)
        positions = best_positions(scores, 1 + self.kept)  # [B, 1 + m]
        weights = scores.scatter(1, positions, 0.0)  # of the tokens to fuse
        fused = weights[:, None] @ z  # [B, 1, d]
        return torch.cat([z.gather(1, positions[:, :, None].expand(-1, -1, self.width)), fused], 1)

    def expand(self, wire: Tensor, payload: Payload) -> Smashed:
        return Smashed(wire, payload.tensors.get("labels"))
