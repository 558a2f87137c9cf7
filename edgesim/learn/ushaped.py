"""U-shaped halves: the client keeps the head and the labels, the server only what lies between."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from edgesim.codecs.exchange import Exchange
from edgesim.learn import cargo, memory
from edgesim.learn.arrivals import follow, learn, received
from edgesim.learn.batches import Batches
from edgesim.learn.finite import LOSS, Policy, findings_of
from edgesim.learn.flops import Costs
from edgesim.learn.halves import TorchClient, TorchServer, parameters_of
from edgesim.learn.models.base import ClientPart, ServerPart
from edgesim.learn.optimisers.base import Optimiser
from edgesim.learn.ushaped_sizes import features_manifest, shares, unlabelled
from edgesim.wire import Payload, Smashed
from edgesim.work import Message, Work

FEATURES = "features received over the downlink"  # places of a step, as in edgesim/learn/finite.py
HEAD_GRADIENT = "gradient received over the uplink"


class Kept(NamedTuple):
    """What the labels of a step have become after compression, on the client: of the rows that the server works on."""

    labels: Tensor
    weight: Tensor | None


class HeadedClient(TorchClient):
    """A client half that also holds the head. Its labels never leave it.

    head  features [T, d] -> logits [T, classes]
    """

    def __init__(
        self,
        part: ClientPart,
        head: nn.Module,
        exchange: Exchange,
        optimiser: Optimiser,
        batches: Batches,
        costs: Costs,
        *,
        seed: int,
        client: int = 0,
        policy: Policy = "stop",
    ) -> None:
        self.head = head
        self._kept: Kept | None = None
        self._costs = costs
        super().__init__(part, exchange, optimiser, batches, costs, seed=seed, client=client, policy=policy)

    def reset(self) -> None:
        ends = parameters_of(self.exchange.up, "client")
        self._optimiser = self._settings.make([*self.part.parameters(), *self.head.parameters(), *ends])

    def encode(self, smashed: Smashed, setting: int = 0) -> Work:
        """Compress. value: the Payload without labels; they stay here, merged as the rows were."""
        work = super().encode(smashed, setting)
        payload: Payload = work.value
        with torch.no_grad():
            told = self._pair.up.decode(payload)
        assert told.labels is not None
        self._kept = Kept(told.labels, told.weight)
        payload.manifest = unlabelled(payload.manifest)
        payload.tensors.pop("labels", None)
        return work

    def lead(self, features: Message) -> Work:
        """Head, loss and back to the features as received. value: (the gradient's Payload, the loss)."""
        if self._kept is None or not isinstance(features, Payload):
            raise ValueError("features came without tensors, or before anything was sent")
        self._care.look_through(features, FEATURES, self.findings)
        arrived = features.tensors["values"].detach().requires_grad_()
        losses = cross_entropy(self.head(arrived), self._kept.labels, reduction="none")
        loss = losses.mean() if self._kept.weight is None else self._kept.weight @ losses
        self.findings.peaks[LOSS] = loss.detach()
        torch.autograd.backward(loss)
        assert arrived.grad is not None
        answer = Payload(features_manifest(*arrived.shape), {"values": arrived.grad})
        answer.void = features.void or not self._care.sound(loss, arrived.grad)
        return Work((answer, loss.detach()), shares(self._pair, self._costs, self.batches.batch).head)

    def state(self) -> dict[str, Any]:
        return super().state() | {"head": self.head.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        memory.put_weights("model", self.head, self.head.state_dict(), state["head"])

    def _learned(self) -> list[Tensor]:
        return super()._learned() + cargo.learned(self.head)


class HeadlessServer(TorchServer):
    """A server half without the head: it gives features and takes their gradient. See TorchServer."""

    def __init__(
        self,
        part: ServerPart,
        exchange: Exchange,
        optimiser: Optimiser,
        costs: Costs,
        batch: int,
        *,
        seed: int,
        policy: Policy = "stop",
    ) -> None:
        self._under_way: tuple[Payload, Tensor, Tensor, int] | None = None  # arrival, wire tensor, features, codecs' setting
        super().__init__(part, exchange, optimiser, costs, batch, seed=seed, policy=policy)

    def reset(self) -> None:
        held = {id(parameter) for parameter in self.part.head.parameters()}
        own = [parameter for parameter in self.part.parameters() if id(parameter) not in held]
        self._optimiser = self._settings.make([*own, *parameters_of(self.exchange.up, "server")])

    def features(self, arrival: Message) -> Work:
        """Decode and run the blocks. value: the Payload of the features."""
        if not isinstance(arrival, Payload):
            raise ValueError("an arrival carries no tensors; a timing-only client cannot feed a server that learns")
        setting = self.exchange.setting_of(arrival)
        pair = self.exchange.settings[setting]
        wire, smashed = received(arrival, pair, self._care)
        features = self.part.features(smashed.x)
        self._under_way = arrival, wire, features, setting
        sent = Payload(features_manifest(*features.shape), {"values": features.detach()}, void=arrival.void)
        return Work(sent, shares(pair, self._costs, self._batch).server_forward)

    def finish(self, gradient: Message) -> Work:
        """Back through the blocks, and step. value: the gradient's Payload for the client."""
        if self._under_way is None or not isinstance(gradient, Payload):
            raise ValueError("a gradient of features came without tensors, or before any features were sent")
        arrival, wire, features, setting = self._under_way
        self._care.look_through(gradient, HEAD_GRADIENT, findings_of(arrival))
        torch.autograd.backward(features, gradient.tensors["values"])
        arrival.void |= gradient.void
        taken = learn([arrival], [wire], self._care, self._optimiser)
        answer = self._answer(wire, 0, setting)
        follow(arrival, answer, taken=taken)
        self._under_way = None
        self._step += 1
        return Work(answer, shares(self.exchange.settings[setting], self._costs, self._batch).server_backward)
