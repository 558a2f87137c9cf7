"""What becomes of one step's wire tensor and of its gradient on their way: measured, and used by nothing."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from edgesim.learn.finite import ARRIVED, GRADIENT, RETURNED, Findings

_TINY = 1e-30  # nothing was sent: nothing was changed


class Insight(NamedTuple):
    """Columns of `rows.Step`; NaN where nothing crossed a cut, or nothing was computed."""

    uplink_error: float = math.nan
    gradient_norm: float = math.nan
    downlink_error: float = math.nan
    cut_gradient_norm: float = math.nan


class Trip:
    """Rides on a payload (`Payload.note`) from the client to the server and back with the answer.

    Euclidean norms over whole tensors, with W the wire tensor as the encoder made it, W' as the server received it, G = dl/dW',
    and G' as the client received that:
        uplink_error       |W' - W| / |W|   rounding, noise, losses and wrong bits on the way up
        gradient_norm      |G|              before the downlink codec
        downlink_error     |G' - G| / |G|   the downlink codec and the way down
        cut_gradient_norm  |dl/dZ|          of the activations at the cut, as G' leaves the encoder's adjoint
    A few passes over tensors that are there anyway: no backward pass of its own, and no wait for the accelerator.

    sent      W; z: the activations Z, whose gradient is listened for
    findings  how large the values of the step are, from place to place
    """

    def __init__(self, sent: Tensor, z: Tensor, findings: Findings | None = None) -> None:
        self.findings = findings if findings is not None else Findings()
        self._sent, self._answer = sent.detach(), sent.detach()
        self._measured: dict[str, Tensor] = {}
        if z.requires_grad:
            z.register_hook(self._left_the_encoder)  # type: ignore[no-untyped-call]  # torch does not type it

    def arrives(self, wire: Tensor) -> None:
        """At the server, before it computes anything: W'."""
        if wire.data_ptr() != self._sent.data_ptr():
            self.findings.look(ARRIVED, wire)

    @torch.no_grad()
    def arrived(self, wire: Tensor, gradient: Tensor) -> None:
        """At the server, after its backward pass: W' and G."""
        self.findings.look(GRADIENT, gradient)
        self._measured["uplink_error"] = _difference(wire.detach(), self._sent)
        self._measured["gradient_norm"] = torch.linalg.vector_norm(gradient)
        self._answer = gradient

    @torch.no_grad()
    def answered(self, gradient: Tensor) -> None:
        """At the client: G'."""
        if gradient.data_ptr() != self._answer.data_ptr():
            self.findings.look(RETURNED, gradient)
        self._measured["downlink_error"] = _difference(gradient, self._answer)

    def _left_the_encoder(self, gradient: Tensor) -> None:
        self._measured["cut_gradient_norm"] = torch.linalg.vector_norm(gradient.detach())

    def measured(self, loss: Tensor) -> tuple[list[str], Tensor]:
        """What was measured, by name, and one tensor [1 + names] of the loss and those; nothing waits for the accelerator."""
        found = self._measured | self.findings.peaks
        return list(found), torch.stack([loss, *(each.to(loss) for each in found.values())])


def _difference(after: Tensor, before: Tensor) -> Tensor:
    """Relative to `before`; what reached the other end as the very same memory need not be looked at."""
    if after.data_ptr() == before.data_ptr():
        return before.new_zeros(())
    relative: Tensor = torch.linalg.vector_norm(after - before) / torch.linalg.vector_norm(before).clamp_min(_TINY)
    return relative
