"""Halves without tensors: the same messages and the same FLOPs as the torch halves, and nothing computed.

They take an `Exchange` and `Costs` but need no torch themselves; every answer is prepared once.
"""

from typing import TYPE_CHECKING, Any

from edgesim.work import Answer, Message, Work

if TYPE_CHECKING:
    from edgesim.codecs.exchange import Exchange
    from edgesim.learn.flops import Costs


class PhantomClient:
    """The client of a timing-only run; see `TorchClient`.

    batch  samples per mini-batch
    """

    def __init__(self, exchange: "Exchange", costs: "Costs", batch: int) -> None:
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

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """There is nothing to restore."""


class PhantomServer:
    """The server of a timing-only run; see `TorchServer`."""

    def __init__(self, exchange: "Exchange", costs: "Costs", batch: int) -> None:
        self._gradient = exchange.down_manifest(batch)
        self._flops = server_flops(exchange, costs, batch)

    def step(self, arrivals: list[Message]) -> Work:
        return Work(Answer([self._gradient] * len(arrivals), None), len(arrivals) * self._flops)

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """There is nothing to restore."""


def server_flops(exchange: "Exchange", costs: "Costs", batch: int) -> float:
    """FLOPs of a server step per arrival: decode, forward and backward of the decoded rows, encode the gradient."""
    rows, tokens, _width = exchange.up.decoded(batch)
    forward, backward = costs.server(tokens)
    flops = exchange.flops(batch)
    return rows * (forward + backward) + flops.decode_up + flops.encode_down
