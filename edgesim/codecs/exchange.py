"""Both codecs of one client-server pair, and the published charges that only the pair knows."""

from collections.abc import Sequence
from copy import deepcopy
from functools import cache
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from edgesim.codecs.adaptive import Adaptive
from edgesim.codecs.base import Codec, Cut
from edgesim.wire import Manifest, Payload, Smashed


class CodecFlops(NamedTuple):
    """FLOPs of the four codec operations of one step."""

    encode_up: float
    decode_up: float
    encode_down: float
    decode_down: float


class Exchange:
    """The uplink codec, the downlink codec and the cut between them.

    The uplink codec decides the shape of the answer; the downlink codec compresses it once more. The published ledgers
    charge the product of both ratios (compression.md 2.2.11).

    settings  the same for each size that the uplink codec comes in (edgesim/codecs/adaptive.py); the sender chooses one
    """

    def __init__(self, cut: Cut, up: Codec, down: Codec) -> None:
        self.cut = cut
        self.up = up
        self.down = down
        self.fixed_size = up.fixed_size and down.fixed_size
        self._answer_cut = Cut(cut.item)  # the uncompressed gradient: same rows, no labels
        self.up_manifest = cache(up.manifest)
        self.down_manifest = cache(self._down_manifest)
        self.flops = cache(self._flops)
        self.settings = self._pinned()

    def _pinned(self) -> Sequence["Exchange"]:
        """One pair for each size that the uplink codec comes in: this one, unless that adapts."""
        if not isinstance(self.up, Adaptive) or not self.up.adapts:
            return (self,)
        ups = [self.up.pinned(level) for level in range(len(self.up.choices))]
        if self.down.state_dict() and any(up.item != self.up.item for up in ups):
            raise ValueError(
                f"{type(self.down).__name__} remembers answers of one shape, and {type(self.up).__name__} changes it"
            )
        downs = [self.down if up.item == self.up.item else self.down.like(Cut(up.item)) for up in ups]
        return [Exchange(self.cut, up, down) for up, down in zip(ups, downs, strict=True)]

    def setting_of(self, payload: Payload) -> int:
        """Which of the `settings` a message was made with: the sender says so in it."""
        return self.up.level_of(payload) if isinstance(self.up, Adaptive) else 0

    def copy(self) -> "Exchange":
        """The same codecs with weights and memories of their own; shared where there is nothing to own."""
        up, down = (deepcopy(codec) if codec.state_dict() else codec for codec in (self.up, self.down))
        return self if (up, down) == (self.up, self.down) else Exchange(self.cut, up, down)

    def with_own_downlink(self) -> "Exchange":
        """The same uplink codec, and a downlink codec with a memory of its own."""
        return Exchange(self.cut, self.up, deepcopy(self.down)) if self.down.state_dict() else self

    def to(self, accelerator: str) -> None:
        """Move what the codecs hold to a torch device of the host."""
        self.up.to(accelerator)
        self.down.to(accelerator)

    def base_manifests(self, batch: int) -> tuple[Manifest, Manifest]:
        """What Base, sending everything, would need up and down."""
        from edgesim.codecs.identity import Identity

        return Identity(self.cut).manifest(batch), Identity(self._answer_cut).manifest(batch)

    def _down_manifest(self, batch: int) -> Manifest:
        return self._charge_down(batch, self.down.manifest(self.up.rows(batch)))

    def _charge_down(self, batch: int, sizes: Manifest) -> Manifest:
        up, down = self.up.ratios(batch), self.down.ratios(self.up.rows(batch))
        base = self._answer_cut.base_bits(batch)
        return sizes.charged(base * up.paper_down * down.paper_up, base * up.code_down * down.code_up)

    def _flops(self, batch: int) -> CodecFlops:
        return CodecFlops(*self.up.flops(batch), *self.down.flops(self.up.rows(batch)))

    def send_up(self, smashed: Smashed, generator: Generator) -> Payload:
        """Compress smashed data; the payload keeps its handle."""
        payload, announced = self.up.encode(smashed, generator), self.up_manifest(len(smashed.x))
        if payload.manifest == announced:  # that very one: what follows from it is worked out once
            payload.manifest = announced
        return payload

    def receive_up(self, payload: Payload) -> tuple[Tensor, Smashed]:
        """The received wire tensor as a leaf that collects a gradient, and what the server half takes.

        What stands in the place of a missing value does not depend on that value, so its gradient is zero.
        """
        wire = self.up.receive(payload).detach().requires_grad_()
        missing = payload.missing.get("values")
        if missing is None or missing.shape != wire.shape[: missing.dim()]:
            return wire, self.up.expand(wire, payload)
        lost = missing.reshape(*missing.shape, *(1 for _ in wire.shape[missing.dim() :]))
        return wire, self.up.expand(torch.where(lost, wire.detach(), wire), payload)

    def send_down(self, gradient: Tensor, batch: int, generator: Generator) -> Payload:
        """Compress the gradient of the wire tensor of a step of `batch` samples."""
        payload, announced = self.down.encode(Smashed(gradient), generator), self.down_manifest(batch)
        as_announced = payload.manifest.fields == announced.fields
        payload.manifest = announced if as_announced else self._charge_down(batch, payload.manifest)
        return payload.departed()

    def receive_down(self, payload: Payload) -> Tensor:
        """The gradient of the wire tensor as it arrived."""
        return self.down.decode(payload).x
