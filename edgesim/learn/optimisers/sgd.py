"""Stochastic gradient descent."""

from collections.abc import Iterable
from typing import Annotated

from torch import optim
from torch.nn import Parameter

from edgesim.learn.optimisers.base import Optimiser, not_negative, one_pass, positive


class Sgd(Optimiser):
    """Stochastic gradient descent with momentum.

    lr            learning rate
    momentum      share of the last step that is taken again
    weight_decay  L2 penalty, added to the gradient
    nesterov      look-ahead momentum
    """

    def __init__(
        self,
        *,
        lr: Annotated[float, "(0, inf)"] = 0.1,
        momentum: Annotated[float, "[0, 1)"] = 0.9,
        weight_decay: Annotated[float, "[0, inf)"] = 0.0,
        nesterov: bool = False,
    ) -> None:
        self._lr, self._weight_decay = positive("lr", lr), not_negative("weight_decay", weight_decay)
        if not 0.0 <= momentum < 1.0:
            raise ValueError(f"momentum must be in [0, 1), got {momentum}")
        if nesterov and not momentum:
            raise ValueError("nesterov needs momentum above 0, got momentum 0")
        self._momentum, self._nesterov = momentum, nesterov
        self.moments = 1 if momentum else 0

    def make(self, parameters: Iterable[Parameter]) -> optim.Optimizer:
        listed = list(parameters)
        return optim.SGD(
            listed,
            lr=self._lr,
            momentum=self._momentum,
            weight_decay=self._weight_decay,
            nesterov=self._nesterov,
            fused=one_pass(listed),
        )
