"""Halves without tensors: the same messages and the same FLOPs as the torch halves, and nothing computed.

Every answer is prepared once, so that one phantom can stand in for any number of clients.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edgesim.learn import cargo
from edgesim.learn.flops import Costs, whole_flops
from edgesim.work import Answer, Message, Work

if TYPE_CHECKING:
    from edgesim.codecs.exchange import Exchange


class Phantom:
    """What both phantom halves have in common: they carry nothing.

    numbers  weights of the half, its end of the codec included; moments: what its optimiser remembers of them
    """

    def __init__(self, numbers: int, moments: int) -> None:
        self._weights = cargo.manifest(numbers)
        self._with_moments = cargo.manifest(numbers, moments)

    def weights(self, *, optimiser: bool = False) -> Message:
        return self._with_moments if optimiser else self._weights

    def load(self, message: Message) -> None:
        """There is nothing to load."""

    def reset(self) -> None:
        """There is nothing to forget."""

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """There is nothing to restore."""


class PhantomClient(Phantom):
    """The client of a timing-only run; see `TorchClient`.

    batch  samples per mini-batch
    """

    def __init__(self, exchange: "Exchange", costs: Costs, batch: int, numbers: int = 0, moments: int = 0) -> None:
        super().__init__(numbers, moments)
        flops = exchange.flops(batch)
        self._forward = Work(None, batch * costs.client_forward)
        self._encode = Work(exchange.up_manifest(batch), flops.encode_up)
        self._backward = Work(None, batch * costs.client_backward + flops.decode_down)

    def forward(self) -> Work:
        return self._forward

    def encode(self, smashed: Any) -> Work:
        return self._encode

    def backward(self, gradient: Message) -> Work:
        return self._backward


class PhantomWhole(Phantom):
    """A whole model of a timing-only run; see `TorchWhole`."""

    def __init__(self, costs: Costs, batch: int, numbers: int, moments: int) -> None:
        super().__init__(numbers, moments)
        forward, backward = whole_flops(costs, batch)
        self._forward, self._backward = Work(None, forward), Work(None, backward)

    def forward(self) -> Work:
        return self._forward

    def encode(self, smashed: Any) -> Work:
        raise ValueError("a whole model has no cut: nothing is encoded")

    def backward(self, gradient: Any) -> Work:
        return self._backward


class PhantomServer(Phantom):
    """The server of a timing-only run; see `TorchServer`."""

    def __init__(self, exchange: "Exchange", costs: Costs, batch: int, numbers: int = 0, moments: int = 0) -> None:
        super().__init__(numbers, moments)
        self._gradient = exchange.down_manifest(batch)
        self._flops = server_flops(exchange, costs, batch)

    def step(self, arrivals: Sequence[Message], senders: Sequence[int] = ()) -> Work:
        return Work(Answer([self._gradient] * len(arrivals), None), len(arrivals) * self._flops)

    def replica(self) -> "PhantomServer":
        return self


def server_flops(exchange: "Exchange", costs: Costs, batch: int) -> float:
    """FLOPs of a server step per arrival: decode, forward and backward of the decoded rows, encode the gradient."""
    rows, tokens, _width = exchange.up.decoded(batch)
    forward, backward = costs.server(tokens)
    flops = exchange.flops(batch)
    return rows * (forward + backward) + flops.decode_up + flops.encode_down
