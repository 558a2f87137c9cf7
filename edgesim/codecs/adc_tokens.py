"""ADC's token selection alone: what clients send to an access point that merges."""

import math
from typing import Annotated

import torch
from torch import Generator, Tensor
from torch.nn.functional import pad

from edgesim.codecs.base import Codec, Cut, Ratios, bits_for
from edgesim.codecs.parts.knobs import whole, within
from edgesim.codecs.parts.merging import best_positions
from edgesim.codecs.parts.precision import widen
from edgesim.errors import RunError
from edgesim.wire import FLOAT_BITS, Below, Field, Manifest, Payload, Smashed


class ADCTokens(Codec):
    """ADC without its merging: every sample keeps its most attended tokens, and tells which they are and how attended.

    For the protocol `parallel` with `merge`, whose access point merges samples of several clients (compression.md 2.2): it
    needs to know where the tokens were (log2(n - 1) bits each) and their attention (32 bits each). It is a compressor alone,
    too. The class token is always kept; backward is the adjoint, zero for tokens left behind.

    xi  tokens kept over all tokens, rounded down; one at least
    k   tokens kept instead, the class token included

    >>> ADCTokens(Cut((197, 192), classes=100), xi=0.1).manifest(1).by_role["side"]  # 19 tokens: 18 places, 19 scores
    752
    """

    needs_attention = True
    needs_tokens = True

    def __init__(
        self, cut: Cut, *, xi: Annotated[float, "(0, 1]"] | None = None, k: Annotated[int, "[1, inf)"] | None = None
    ) -> None:
        super().__init__(cut)
        if (xi is None) == (k is None):
            raise ValueError(f"give either xi or k; got xi={xi}, k={k}")
        self.tokens, self.width = cut.item
        if k is None:
            assert xi is not None
            within("(0, 1]", xi=xi)
            k = max(1, math.floor(xi * self.tokens))
        whole(f"[1, {self.tokens}]", k=k)
        self.k = k

    @property
    def item(self) -> tuple[int, ...]:
        return self.k, self.width

    def decoded(self, batch: int) -> tuple[int, ...]:
        return (batch, *self.item)

    def manifest(self, batch: int) -> Manifest:
        values = Field("values", (batch, *self.item), FLOAT_BITS, "values", analog=True)
        patches = self.tokens - 1
        where = Field("positions", (batch, self.k - 1), bits_for(patches), "side", form=Below(patches))
        scores = Field("scores", (batch, self.k), FLOAT_BITS, "side")
        fields = (values, *self.cut.label_fields(batch), *((where,) if self.k > 1 else ()), scores)
        charge = self.cut.base_bits(batch) * self.ratios(batch).paper_up
        return Manifest(fields, charge, charge)

    def ratios(self, batch: int) -> Ratios:
        share = self.k / self.tokens
        return Ratios(share, share, share, share)

    def flops(self, batch: int) -> tuple[float, float]:
        """n ceil(log2 n) comparisons a sample to rank; moving tokens costs none."""
        return float(batch * self.tokens * bits_for(self.tokens)), 0.0

    def encode(self, smashed: Smashed, generator: Generator) -> Payload:
        """See `Codec.encode`. Raises RunError where attention is not finite."""
        if smashed.attention is None:
            raise ValueError("adc_tokens ranks tokens by the class token's attention, but the smashed data has none")
        z, scores = widen(smashed.x), widen(smashed.attention).detach()
        if not bool(scores.isfinite().all()):
            raise RunError("adc_tokens cannot rank: the class token's attention is NaN or infinite; training has diverged")
        kept = best_positions(scores, self.k)  # [B, k]
        wire = z.gather(1, kept[:, :, None].expand(-1, -1, self.width))
        manifest = self.manifest(len(z))
        tensors = {"values": wire.detach(), "scores": scores.gather(1, kept).float(), "positions": kept[:, 1:] - 1}
        tensors |= self.cut.label_tensors(smashed.labels)
        return Payload(manifest, {item.name: tensors[item.name] for item in manifest.fields}, handle=wire)

    def expand(self, wire: Tensor, payload: Payload) -> Smashed:
        """The tokens kept, their attention [B, k], and their places [B, k], the class token's being 0."""
        told = payload.tensors
        kept = pad(told["positions"] + 1, (1, 0)) if self.k > 1 else torch.zeros_like(told["scores"], dtype=torch.int64)
        return Smashed(wire, told.get("labels"), attention=told["scores"], positions=kept)
