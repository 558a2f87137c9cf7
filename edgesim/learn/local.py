"""A whole model on one device: what federated averaging trains."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from edgesim.learn import cargo, memory
from edgesim.learn.batches import Batches
from edgesim.learn.finite import LOSS, Care, Findings, Policy, watched
from edgesim.learn.flops import Costs, whole_flops
from edgesim.learn.models.base import ClientPart, ServerPart
from edgesim.learn.optimisers.base import Optimiser
from edgesim.work import Message, Work


class TorchWhole:
    """Both parts of a model, joined without an air between them, one optimiser, and a client's data.

    part, rest  layers before and after the cut
    policy      what it does about numbers that are not finite
    findings    what is seen of the step under way, or of the latest
    """

    def __init__(
        self,
        part: ClientPart,
        rest: ServerPart,
        optimiser: Optimiser,
        batches: Batches,
        costs: Costs,
        *,
        policy: Policy = "stop",
    ) -> None:
        part.with_attention = False
        self.part, self.rest = part, rest
        self.batches = batches
        self._care, self.findings = Care(policy), Findings()
        self._settings = optimiser
        self.reset()
        self._forward_flops, self._backward_flops = whole_flops(costs, batches.batch)

    def forward(self) -> Work:
        """Run the next mini-batch. value: its mean loss, in the graph."""
        images, labels = self.batches.next()
        self.findings = Findings()
        with watched(self.part.blocks, self.findings):
            z = self.part(images)[0]
        return Work(cross_entropy(self.rest(z), labels), self._forward_flops)

    def encode(self, smashed: Any, setting: int = 0) -> Work:
        raise ValueError("a whole model has no cut: nothing is encoded")

    def backward(self, gradient: Any) -> Work:
        """Back-propagate that loss, and step. value: the loss, out of the graph."""
        self.findings.peaks[LOSS] = gradient.detach()
        torch.autograd.backward(gradient)
        if not self._care.step(self._optimiser, gradient):
            self.findings.skipped.append("client")
        return Work(gradient.detach(), self._backward_flops)

    def reset(self) -> None:
        self._optimiser = self._settings.make([*self.part.parameters(), *self.rest.parameters()])

    def weights(self, *, optimiser: bool = False) -> Message:
        return cargo.packed(self._learned(), self._optimiser if optimiser else None)

    def load(self, message: Message) -> None:
        cargo.unpack(message, self._learned(), self._optimiser)

    def state(self) -> dict[str, Any]:
        return {
            "part": self.part.state_dict(),
            "rest": self.rest.state_dict(),
            "optimiser": memory.moments(self._optimiser),
            "batches": self.batches.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        memory.put_weights("model", self.part, self.part.state_dict(), state["part"])
        memory.put_weights("model", self.rest, self.rest.state_dict(), state["rest"])
        memory.put_moments(self._optimiser, state["optimiser"])
        self.batches.restore(state["batches"])

    def _learned(self) -> list[Tensor]:
        return cargo.learned(self.part) + cargo.learned(self.rest)
