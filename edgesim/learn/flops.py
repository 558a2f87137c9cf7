"""What the halves of a model cost, counted once per shape."""

from collections.abc import Callable
from functools import cache, cached_property

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from edgesim.learn import cargo
from edgesim.learn.data.base import Facts
from edgesim.learn.models.base import ClientPart, Model, ServerPart


class Costs:
    """FLOPs per sample of both halves, counted by torch on the meta device (no numbers are computed).

    Matrix products and convolutions count, 1 multiply-accumulate = 2; norms, softmax and the optimiser's step do not. A block
    with m tokens of width d takes 24 m d^2 + 4 m^2 d forward (compression.md 1.1) and twice that backward, except where no
    gradient is needed (with respect to the pictures).

    with_attention  whether the client also computes the class token's attention row (2 n d more in `client_forward`)
    """

    def __init__(self, model: Model, facts: Facts, *, with_attention: bool = False) -> None:
        self._model = model
        self._facts = facts
        self._with_attention = with_attention
        self.server = cache(self._server)

    @cached_property
    def _parts(self) -> tuple[ClientPart, ServerPart]:
        client, server = self._model.sketch(self._facts)
        client.with_attention = self._with_attention
        return client, server

    @cached_property
    def numbers(self) -> tuple[int, int]:
        """Numbers that the client's and the server's part hold: parameters and buffers."""
        client, server = self._parts
        return cargo.numbers(cargo.learned(client)), cargo.numbers(cargo.learned(server))

    @cached_property
    def head(self) -> tuple[float, float]:
        """FLOPs per row of the last layer alone, which `server` includes: (forward, backward)."""
        _, server = self._parts
        row = torch.empty(1, self.width, device="meta", requires_grad=True)
        return _counted(lambda: server.head(row))

    @property
    def head_parameters(self) -> list[Tensor]:
        """Of the last layer, without numbers."""
        return list(self._parts[1].head.parameters())

    @cached_property
    def tokens(self) -> int:
        """Tokens at the cut, before compression."""
        return self._model.geometry(self._facts).tokens

    @cached_property
    def width(self) -> int:
        """Features of a token."""
        return self._model.geometry(self._facts).width

    @property
    def client_forward(self) -> float:
        return self._client[0]

    @property
    def client_backward(self) -> float:
        return self._client[1]

    @cached_property
    def _client(self) -> tuple[float, float]:
        client, _ = self._parts
        size = self._model.view(self._facts).image_size
        picture = torch.empty(1, self._facts.channels, size, size, device="meta")
        forward, backward = _counted(lambda: client(picture)[0])
        scores = 2.0 * self.tokens * self.width if self._with_attention else 0.0  # products that are no matrix product
        return forward + scores, backward

    def _server(self, tokens: int) -> tuple[float, float]:
        """FLOPs per sample of `tokens` tokens: (forward, backward)."""
        _, server = self._parts
        sample = torch.empty(1, tokens, self.width, device="meta", requires_grad=True)
        return _counted(lambda: server(sample))


def whole_flops(costs: Costs, batch: int) -> tuple[float, float]:
    """FLOPs of a step of the whole model on `batch` samples: (forward, backward)."""
    forward, backward = costs.server(costs.tokens)
    return batch * (costs.client_forward + forward), batch * (costs.client_backward + backward)


def _counted(forward: Callable[[], Tensor]) -> tuple[float, float]:
    """FLOPs of `forward` and of going back through it."""
    with FlopCounterMode(display=False) as going:
        output = forward()
    with FlopCounterMode(display=False) as returning:
        torch.autograd.backward(output, torch.empty_like(output))
    return float(going.get_total_flops()), float(returning.get_total_flops())
