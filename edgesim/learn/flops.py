"""What the halves of a model cost, found out once per shape."""

from functools import cache, cached_property
from typing import TYPE_CHECKING

from edgesim.learn.data.base import Facts
from edgesim.learn.models.base import Geometry, Model

if TYPE_CHECKING:
    from edgesim.learn.closed_form import ClosedForm
    from edgesim.learn.counted import Counted


class Costs:
    """FLOPs per sample of both halves: by formula where the model has one, else counted by torch.

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
    def _found(self) -> "ClosedForm | Counted":
        form = self._model.closed_form(self._facts)
        if form is not None:
            return form
        from edgesim.learn.counted import Counted

        return Counted(self._model, self._facts, with_attention=self._with_attention)

    @cached_property
    def _geometry(self) -> Geometry:
        return self._model.geometry(self._facts)

    @property
    def numbers(self) -> tuple[int, int]:
        """Numbers that the client's and the server's part hold: parameters and buffers."""
        return self._found.numbers

    @property
    def head(self) -> tuple[float, float]:
        """FLOPs per row of the last layer alone, which `server` includes: (forward, backward)."""
        return self._found.head

    @property
    def head_numbers(self) -> int:
        """Numbers that the last layer holds, all of them parameters."""
        return self._found.head_numbers

    @property
    def tokens(self) -> int:
        """Tokens at the cut, before compression."""
        return self._geometry.tokens

    @property
    def width(self) -> int:
        """Features of a token."""
        return self._geometry.width

    @property
    def client_forward(self) -> float:
        scores = 2.0 * self.tokens * self.width if self._with_attention else 0.0  # products that are no matrix product
        return self._found.client[0] + scores

    @property
    def client_backward(self) -> float:
        return self._found.client[1]

    def _server(self, tokens: int) -> tuple[float, float]:
        """FLOPs per sample of `tokens` tokens: (forward, backward)."""
        return self._found.server(tokens)


def whole_flops(costs: Costs, batch: int) -> tuple[float, float]:
    """FLOPs of a step of the whole model on `batch` samples: (forward, backward)."""
    forward, backward = costs.server(costs.tokens)
    return batch * (costs.client_forward + forward), batch * (costs.client_backward + backward)
