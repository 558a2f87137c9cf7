"""A whole model on one device: what federated averaging trains."""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from edgesim.learn import cargo
from edgesim.learn.batches import Batches
from edgesim.learn.flops import Costs, whole_flops
from edgesim.learn.models.base import ClientPart, ServerPart
from edgesim.learn.optimisers.base import Optimiser
from edgesim.work import Message, Work


class TorchWhole:
    """Both parts of a model, joined without an air between them, one optimiser, and a client's data.

    part, rest  layers before and after the cut
    """

    def __init__(self, part: ClientPart, rest: ServerPart, optimiser: Optimiser, batches: Batches, costs: Costs) -> None:
        part.with_attention = False
        self.part, self.rest = part, rest
        self.batches = batches
        self._settings = optimiser
        self.reset()
        self._forward_flops, self._backward_flops = whole_flops(costs, batches.batch)

    def forward(self) -> Work:
        """Run the next mini-batch. value: its mean loss, in the graph."""
        images, labels = self.batches.next()
        logits = self.rest(self.part(images)[0])
        return Work(cross_entropy(logits, labels), self._forward_flops)

    def encode(self, smashed: Any, setting: int = 0) -> Work:
        raise ValueError("a whole model has no cut: nothing is encoded")

    def backward(self, gradient: Any) -> Work:
        """Back-propagate that loss, and step. value: the loss, out of the graph."""
        torch.autograd.backward(gradient)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        return Work(gradient.detach(), self._backward_flops)

    def reset(self) -> None:
        self._optimiser = self._settings.make([*self.part.parameters(), *self.rest.parameters()])

    def weights(self, *, optimiser: bool = False) -> Message:
        return cargo.packed(self._learned(), self._optimiser if optimiser else None)

    def load(self, message: Message) -> None:
        cargo.unpack(message, self._learned(), self._optimiser)

    def state(self) -> dict[str, Any]:
        """A snapshot between two steps: tensors, numbers, lists and dicts only."""
        return deepcopy(
            {
                "part": self.part.state_dict(),
                "rest": self.rest.state_dict(),
                "optimiser": self._optimiser.state_dict(),
                "batches": self.batches.state(),
            }
        )

    def restore(self, state: dict[str, Any]) -> None:
        self.part.load_state_dict(state["part"])
        self.rest.load_state_dict(state["rest"])
        self._optimiser.load_state_dict(state["optimiser"])
        self.batches.restore(state["batches"])

    def _learned(self) -> list[Tensor]:
        return cargo.learned(self.part) + cargo.learned(self.rest)
