"""The two halves of a model that learns: torch modules, an optimiser each, and the codecs between them."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, Literal

import torch
from torch import Generator, Tensor
from torch.nn import Parameter

from edgesim.codecs.base import Codec
from edgesim.codecs.exchange import Exchange
from edgesim.learn import cargo, memory
from edgesim.learn.access_point import AccessPoint
from edgesim.learn.arrivals import follow, learn, received
from edgesim.learn.batches import Batches
from edgesim.learn.finite import RETURNED, SENT, Care, Findings, Policy, watched
from edgesim.learn.flops import Costs
from edgesim.learn.losses import mean_loss
from edgesim.learn.models.base import ClientPart, ServerPart
from edgesim.learn.optimisers.base import Optimiser
from edgesim.learn.phantom import step_flops
from edgesim.learn.trip import Trip
from edgesim.rng import seed as seed_of
from edgesim.wire import Payload, Smashed
from edgesim.work import Answer, Message, Work

End = Literal["client", "server"]


class TorchClient:
    """The layers before the cut, the uplink codec's sending end, an optimiser of both, and the client's data.

    part       layers before the cut; gives attention if the codec needs it
    exchange   codecs of both directions
    optimiser  settings; this half makes its own
    batches    the client's mini-batches
    costs      FLOPs per sample
    seed       of the run; client: number of the client. Codec randomness is a function of (seed, client, step)
    policy     what it does about numbers that are not finite
    trip       what was measured of the latest step, None before the first
    findings   what is seen of the step under way, or of the latest
    """

    def __init__(
        self,
        part: ClientPart,
        exchange: Exchange,
        optimiser: Optimiser,
        batches: Batches,
        costs: Costs,
        *,
        seed: int,
        client: int = 0,
        policy: Policy = "stop",
    ) -> None:
        part.with_attention = exchange.up.needs_attention
        self.part = part
        self.batches = batches
        self.exchange = exchange
        self._care, self.findings = Care(policy), Findings()
        self._seed, self._client = seed, client
        self._settings = optimiser
        self.reset()
        self._generator = Generator(next(part.parameters()).device)
        self._forward_flops = batches.batch * costs.client_forward
        self._backward_flops = batches.batch * costs.client_backward
        self._setting = 0
        self._step = 0
        self._sent: Payload | None = None
        self.trip: Trip | None = None

    def reset(self) -> None:
        self._optimiser = self._settings.make([*self.part.parameters(), *parameters_of(self.exchange.up, "client")])

    def weights(self, *, optimiser: bool = False) -> Message:
        return cargo.packed(self._learned(), self._optimiser if optimiser else None)

    def load(self, message: Message) -> None:
        cargo.unpack(message, self._learned(), self._optimiser)

    def _learned(self) -> list[Tensor]:
        return cargo.learned(self.part) + cargo.learned_end(self.exchange.up, "client")

    def forward(self) -> Work:
        """Run the next mini-batch up to the cut. value: Smashed, still in the graph."""
        images, labels = self.batches.next()
        self.findings = Findings()
        with watched(self.part.blocks, self.findings):
            z, attention = self.part(images)
        return Work(Smashed(z, labels, attention), self._forward_flops)

    def encode(self, smashed: Smashed, setting: int = 0) -> Work:
        """Compress. value: the Payload that leaves; what the answer is read with stays here."""
        self._generator.manual_seed(seed_of(self._seed, "codec", self._client, self._step))
        self._setting = setting
        smashed, wrong = self._care.smashed(smashed)
        self._sent = self._pair.send_up(smashed, self._generator)
        made = self._sent.tensors.get("values", self._awaited())
        made = made if made.is_floating_point() else self._awaited()  # of codes, what they stand for
        if made.data_ptr() != smashed.x.data_ptr():  # the very same memory was looked at
            self.findings.look(SENT, made)
        self._sent.note = Trip(self._awaited(), smashed.x, self.findings)
        departing = self._sent.departed()
        self._care.look_through(departing, SENT, self.findings, wrong)
        return Work(departing, self._pair.flops(self.batches.batch).encode_up)

    @property
    def _pair(self) -> Exchange:
        """The codecs of the step under way."""
        return self.exchange.settings[self._setting]

    def backward(self, gradient: Message) -> Work:
        """Back-propagate the gradient of the wire tensor as received, and step. value: None."""
        handle = self._awaited()
        if not isinstance(gradient, Payload):
            raise ValueError("the gradient message carries no tensors; a timing-only server cannot answer a client that learns")
        self._care.look_through(gradient, RETURNED, self.findings)
        received = self._pair.receive_down(gradient)
        if received.shape != handle.shape:
            raise ValueError(f"the gradient has shape {tuple(received.shape)}, but {tuple(handle.shape)} was sent")
        self.trip = gradient.note
        if self.trip is not None:
            self.trip.answered(received)
        if not gradient.void:
            torch.autograd.backward(handle, received)
        if not self._care.step(self._optimiser, void=gradient.void):
            self.findings.skipped.append("client")
        self._sent = None
        self._step += 1
        return Work(None, self._backward_flops + self._pair.flops(self.batches.batch).decode_down)

    def state(self) -> dict[str, Any]:
        return {
            "part": self.part.state_dict(),
            "codec": state_of(self.exchange.up, "client"),
            "optimiser": memory.moments(self._optimiser),
            "batches": self.batches.state(),
            "step": self._step,
        }

    def restore(self, state: dict[str, Any]) -> None:
        up = self.exchange.up
        memory.put_weights("model", self.part, self.part.state_dict(), state["part"])
        memory.put_weights("uplink.codec", up, state_of(up, "client"), state["codec"])
        memory.put_moments(self._optimiser, state["optimiser"])
        self.batches.restore(state["batches"])
        self._step = state["step"]
        self._sent = None

    def _awaited(self) -> Tensor:
        if self._sent is None or self._sent.handle is None:
            raise ValueError("a gradient came before anything was sent")
        return self._sent.handle


class TorchServer:
    """The layers after the cut, the uplink codec's receiving end, and an optimiser of both.

    part       layers after the cut
    exchange   codecs of both directions
    optimiser  settings; this half makes its own
    costs      FLOPs per sample
    batch      samples per arrival before compression
    seed       of the run; codec randomness is a function of (seed, step, sender)
    merging    an access point that merges what arrives together
    policy     what it does about numbers that are not finite
    """

    def __init__(
        self,
        part: ServerPart,
        exchange: Exchange,
        optimiser: Optimiser,
        costs: Costs,
        batch: int,
        *,
        seed: int,
        merging: AccessPoint | None = None,
        policy: Policy = "stop",
    ) -> None:
        self.part = part
        self._care = Care(policy)
        self._merging = merging
        self.exchange = exchange
        self._answering: dict[int, Exchange] = {}  # the downlink codec of each client, where it has a memory
        self._batch = batch
        self._seed = seed
        self._settings, self._costs = optimiser, costs
        self.reset()
        self._generator = Generator(next(part.parameters()).device)
        self._step = 0

    def reset(self) -> None:
        self._optimiser = self._settings.make([*self.part.parameters(), *parameters_of(self.exchange.up, "server")])

    def weights(self, *, optimiser: bool = False) -> Message:
        return cargo.packed(self._learned(), self._optimiser if optimiser else None)

    def load(self, message: Message) -> None:
        cargo.unpack(message, self._learned(), self._optimiser)

    def replica(self) -> "TorchServer":
        own = deepcopy(self.part), self.exchange.copy()
        twin = TorchServer(*own, self._settings, self._costs, self._batch, seed=self._seed, policy=self._care.policy)
        twin._optimiser.load_state_dict(deepcopy(self._optimiser.state_dict()))
        twin._step = self._step
        return twin

    def _learned(self) -> list[Tensor]:
        return cargo.learned(self.part) + cargo.learned_end(self.exchange.up, "server")

    def step(self, arrivals: Sequence[Message], senders: Sequence[int] = ()) -> Work:
        """One optimiser step on the mean loss of all arrivals. value: Answer(a gradient Payload per arrival, loss)."""
        senders = senders or range(len(arrivals))
        sent = [_payload(arrival) for arrival in arrivals]
        settings = [self.exchange.setting_of(arrival) for arrival in sent]
        pairs = [self.exchange.settings[setting] for setting in settings]
        wires, smashed = zip(*(received(one, pair, self._care) for one, pair in zip(sent, pairs, strict=True)), strict=True)
        loss = mean_loss(self.part, self._gathered(smashed))
        torch.autograd.backward(loss)
        taken = learn(sent, wires, self._care, self._optimiser, loss)
        gradients: list[Message] = [self._answer(*answered) for answered in zip(wires, senders, settings, strict=True)]
        for arrival, gradient in zip(sent, gradients, strict=True):
            follow(arrival, gradient, taken=taken)
        self._step += 1
        return Work(Answer(gradients, loss.detach()), step_flops(pairs, self._costs, self._batch, self._merging))

    def _gathered(self, arrived: Sequence[Smashed]) -> Sequence[Smashed]:
        """What the model sees: all of it, or what an access point merged."""
        if self._merging is None:
            return arrived
        self._generator.manual_seed(seed_of(self._seed, "merge", self._step))
        return [self._merging.merged(arrived, self._generator)]

    def state(self) -> dict[str, Any]:
        return {
            "part": self.part.state_dict(),
            "codec": state_of(self.exchange.up, "server"),
            "optimiser": memory.moments(self._optimiser),
            "step": self._step,
            "answers": {str(who): pair.down.state_dict() for who, pair in self._answering.items()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        up = self.exchange.up
        memory.put_weights("model", self.part, self.part.state_dict(), state["part"])
        memory.put_weights("uplink.codec", up, state_of(up, "server"), state["codec"])
        memory.put_moments(self._optimiser, state["optimiser"])
        self._step = state["step"]
        for who, kept in state["answers"].items():
            down = self._pair(int(who)).down
            memory.put_weights("downlink.codec", down, down.state_dict(), kept)

    def _pair(self, client: int) -> Exchange:
        """The codecs as they are between this server and that client."""
        if client not in self._answering:
            self._answering[client] = self.exchange.with_own_downlink()
        return self._answering[client]

    def _answer(self, wire: Tensor, client: int, setting: int) -> Payload:
        if wire.grad is None:
            raise ValueError("the loss does not depend on what arrived: the uplink codec's expand must be differentiable")
        self._generator.manual_seed(seed_of(self._seed, "codec", "server", self._step, client))
        return self._pair(client).settings[setting].send_down(wire.grad, self._batch, self._generator)


def parameters_of(codec: Codec, end: End) -> list[Parameter]:
    """What one end of a codec, or of the codecs it is made of, learns."""
    return [parameter for name, parameter in codec.named_parameters() if end in name.split(".")]


def state_of(codec: Codec, end: End) -> dict[str, Tensor]:
    """Parameters and buffers of one end; what belongs to neither end counts as the client's."""
    other = "server" if end == "client" else "client"
    states = codec.state_dict()
    if end == "client":
        return {name: value for name, value in states.items() if other not in name.split(".")}
    return {name: value for name, value in states.items() if end in name.split(".")}


def _payload(message: Message) -> Payload:
    if not isinstance(message, Payload):
        raise ValueError("an arrival carries no tensors; a timing-only client cannot feed a server that learns")
    return message
