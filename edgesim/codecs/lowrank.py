"""LANCE-style subspaces: tokens and channels projected onto bases of low rank."""

import math
from typing import Annotated, Literal

import torch
from torch import Generator, Tensor

from edgesim.codecs.base import Codec, Cut, Ratios
from edgesim.codecs.parts.grids import check_finite
from edgesim.codecs.parts.knobs import one_of, whole, within
from edgesim.codecs.parts.lowrank import eigen_flops, leading_basis
from edgesim.codecs.parts.precision import widen
from edgesim.wire import FLOAT_BITS, Field, Manifest, Payload, Smashed

Bases = Literal["batch", "calibration"]
WIDEST = 4096  # of a mode whose eigenvectors are taken: 128 MiB in float64


class LowRank(Codec):
    """Low-rank projection in the manner of LANCE: bases from a higher-order SVD, the core tensor on the wire.

    Reconstruction from the published abstract; details are this project's choice (compression.md 2.15): LANCE saves memory on a
    device and sends nothing, this is its adaptation to a link.
    U_n and U_d are the leading singular vectors of the token-mode and the channel-mode unfolding of a batch; the first token
    (the class token) is kept apart, as a basis vector of its own. Wire tensor, what the server takes, and client's gradient:
        W_b = U_n^t Z_b U_d  [t, r],   Z'_b = U_n W_b U_d^t,   G_b = U_n (dl/dW_b) U_d^t,
    the last by autograd: with its bases given the encoder is linear, and the answer is dl/dW, as small as W.
    Bases are taken from each batch and travel with it; or, as in LANCE, once from `batch_size` training images of the first
    client before the first step (`calibrate`), and travel once (`one_off_bits`). Making those is not charged. Rows of another
    number of axes count as (product of all but the last, last).
    Ledgers: paper and code t r / (n d) both ways; wire adds the bases.

    xi      t r / (n d) in the paper's ledger; t = floor(sqrt(xi) n) tokens, r = floor(xi n d / t) channels, each at least 1
    tokens  t, the class token included, with width in place of xi
    width   r
    bases   of each `batch`, or of one `calibration` for all of the run; that on the uplink only

    >>> from edgesim.codecs.base import Cut
    >>> manifest = LowRank(Cut((197, 192)), xi=0.1).manifest(64)
    >>> manifest.fields[0].shape, round(manifest.bits / (64 * 37_824 * 32), 4)
    ((64, 62, 61), 0.1098)
    """

    reconstruction = True
    left: Tensor
    right: Tensor
    fixed: Tensor

    def __init__(
        self,
        cut: Cut,
        *,
        xi: Annotated[float, "(0, 1]"] | None = None,
        tokens: Annotated[int, "[1, inf)"] | None = None,
        width: Annotated[int, "[1, inf)"] | None = None,
        bases: Bases = "batch",
    ) -> None:
        super().__init__(cut)
        one_of(bases=(bases, Bases))
        self.bases = bases
        self.shape = (cut.features // cut.item[-1], cut.item[-1])  # n, d
        if max(self.shape) > WIDEST:
            raise ValueError(f"lowrank takes rows of at most {WIDEST} tokens and channels, got {self.shape}")
        self.tokens, self.width = self._ranks(xi, tokens, width)
        self.register_buffer("left", torch.zeros(self.shape[0] - 1, self.tokens - 1))
        self.register_buffer("right", torch.zeros(self.shape[1], self.width))
        self.register_buffer("fixed", torch.tensor(False))

    def _ranks(self, xi: float | None, tokens: int | None, width: int | None) -> tuple[int, int]:
        """t and r from the knobs; ValueError unless they are xi alone, or both ranks."""
        n, d = self.shape
        if xi is not None and (tokens, width) == (None, None):
            within("(0, 1]", xi=xi)
            if xi * n * d < 1.0:
                raise ValueError(f"xi must be at least {1 / (n * d):.2g}, one number a sample, got {xi}")
            kept = max(1, math.floor(math.sqrt(xi) * n))
            return kept, min(d, max(1, math.floor(xi * n * d / kept)))
        if xi is not None or tokens is None or width is None:
            raise ValueError(f"give either xi, or both tokens and width; got xi={xi}, tokens={tokens}, width={width}")
        whole(f"[1, {n}]", tokens=tokens)
        whole(f"[1, {d}]", width=width)
        return tokens, width

    # -- sizes --------------------------------------------------------------------------------------------------------

    @property
    def item(self) -> tuple[int, ...]:
        return self.tokens, self.width

    @property
    def calibrated(self) -> bool:
        """Whether the bases are those of `calibrate`, and no part of a message."""
        return self.bases == "calibration" or bool(self.fixed)

    @property
    def one_off_bits(self) -> int:
        """What both bases take, once, where they are fixed; 0 where they travel with every message."""
        return sum(item.bits for item in self._bases()) if self.calibrated else 0

    def _bases(self) -> tuple[Field, ...]:
        n, d = self.shape
        return (
            Field("left", (n - 1, self.tokens - 1), FLOAT_BITS, "side"),
            Field("right", (d, self.width), FLOAT_BITS, "side"),
        )

    def manifest(self, batch: int) -> Manifest:
        values = Field("values", (batch, *self.item), FLOAT_BITS, "values", analog=True)
        bases = () if self.calibrated else self._bases()
        charge = self.cut.base_bits(batch) * self.ratios(batch).paper_up
        return Manifest((values, *bases, *self.cut.label_fields(batch)), charge, charge)

    def ratios(self, batch: int) -> Ratios:
        xi = self.tokens * self.width / self.cut.features
        return Ratios(xi, xi, xi, xi)

    def flops(self, batch: int) -> tuple[float, float]:
        """Products 2 B n d r + 2 B n r t to encode and, charged here, as many for the gradient; the same once to decode.

        Bases of a batch: Gram matrices 2 B n d^2 + 2 B n^2 d and `eigen_flops` of both modes.
        """
        n, d = self.shape
        project = 2.0 * batch * n * self.width * (d + self.tokens)
        bases = 0.0 if self.calibrated else 2.0 * batch * n * d * (n + d) + eigen_flops(n - 1) + eigen_flops(d)
        return 2.0 * project + bases, project

    # -- tensors ------------------------------------------------------------------------------------------------------

    def calibrate(self, z: Tensor) -> None:
        """Fix the bases to those of z [B, *item]; both ends must hold them. To be done before a manifest is asked for."""
        left, right = self._leading(widen(z.detach()).float().reshape(len(z), *self.shape))
        self.left.copy_(left)
        self.right.copy_(right)
        self.fixed.fill_(True)

    def _leading(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """U_n of the tokens behind the first [n - 1, t - 1] and U_d [d, r]."""
        check_finite("lowrank", z)
        n, d = self.shape
        left = leading_basis(z[:, 1:].transpose(1, 2).reshape(len(z) * d, n - 1), self.tokens - 1)
        return left, leading_basis(z.reshape(-1, d), self.width)

    def encode(self, smashed: Smashed, generator: Generator) -> Payload:
        """See `Codec.encode`. Raises RunError where values are not finite."""
        if self.calibrated and not self.fixed:
            raise ValueError("lowrank with bases=calibration has none yet: call calibrate(z) before the first message")
        z = widen(smashed.x).reshape(len(smashed.x), *self.shape)
        left, right = (self.left.to(z), self.right.to(z)) if self.calibrated else self._leading(z.detach())
        narrow = z @ right  # [B, n, r]
        wire = torch.cat([narrow[:, :1], left.t() @ narrow[:, 1:]], 1)  # [B, t, r]
        manifest = self.manifest(len(z))
        bases = {"left": left.contiguous(), "right": right.contiguous()}  # as they arrive: products round by how factors lie
        tensors = {"values": wire.detach(), **bases, **self.cut.label_tensors(smashed.labels)}
        return Payload(manifest, {item.name: tensors[item.name] for item in manifest.fields}, handle=wire)

    def expand(self, wire: Tensor, payload: Payload) -> Smashed:
        left = payload.tensors.get("left", self.left).to(wire)
        right = payload.tensors.get("right", self.right).to(wire)
        tall = torch.cat([wire[:, :1], left @ wire[:, 1:]], 1)  # [B, n, r]
        return Smashed((tall @ right.t()).reshape(len(wire), *self.cut.item), payload.tensors.get("labels"))
