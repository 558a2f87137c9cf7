"""What the halves of any model hold and compute, counted by torch on the meta device: no numbers are computed."""

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from edgesim.learn import cargo
from edgesim.learn.data.base import Facts
from edgesim.learn.models.base import Model


class Counted:
    """The same facts as `ClosedForm`, of a model that has none.

    with_attention  the client also reads the class token's attention, which its model must have
    """

    def __init__(self, model: Model, facts: Facts, *, with_attention: bool) -> None:
        self._facts = facts
        self._shape = model.geometry(facts)
        self._client, self._server = model.sketch(facts)
        self._client.with_attention = with_attention

    @cached_property
    def numbers(self) -> tuple[int, int]:
        return cargo.numbers(cargo.learned(self._client)), cargo.numbers(cargo.learned(self._server))

    @cached_property
    def head_numbers(self) -> int:
        return cargo.numbers(list(self._server.head.parameters()))

    @cached_property
    def head(self) -> tuple[float, float]:
        row = torch.empty(1, self._shape.width, device="meta", requires_grad=True)
        return _counted(lambda: self._server.head(row))

    @cached_property
    def client(self) -> tuple[float, float]:
        side = self._shape.image_size
        picture = torch.empty(1, self._facts.channels, side, side, device="meta")
        return _counted(lambda: self._client(picture)[0])

    def server(self, tokens: int) -> tuple[float, float]:
        sample = torch.empty(1, tokens, self._shape.width, device="meta", requires_grad=True)
        return _counted(lambda: self._server(sample))


def _counted(forward: Callable[[], Tensor]) -> tuple[float, float]:
    """FLOPs of `forward` and of going back through it."""
    with FlopCounterMode(display=False) as going:
        output = forward()
    with FlopCounterMode(display=False) as returning:
        torch.autograd.backward(output, torch.empty_like(output))
    return float(going.get_total_flops()), float(returning.get_total_flops())
