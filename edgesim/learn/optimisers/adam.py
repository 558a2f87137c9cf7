"""Adam."""

from collections.abc import Iterable
from typing import Annotated

from torch import optim
from torch.nn import Parameter

from edgesim.learn.optimisers.base import Optimiser, not_negative, one_pass, positive


class Adam(Optimiser):
    """Adam, betas 0.9 and 0.999. Source: D. Kingma, J. Ba, ICLR 2015.

    lr            learning rate
    weight_decay  L2 penalty, added to the gradient
    eps           added to the root of the second moment
    """

    moments = 2

    def __init__(
        self,
        *,
        lr: Annotated[float, "(0, inf)"] = 1e-3,
        weight_decay: Annotated[float, "[0, inf)"] = 0.0,
        eps: Annotated[float, "(0, inf)"] = 1e-8,
    ) -> None:
        self._lr, self._eps = positive("lr", lr), positive("eps", eps)
        self._weight_decay = not_negative("weight_decay", weight_decay)

    def make(self, parameters: Iterable[Parameter]) -> optim.Optimizer:
        listed = list(parameters)
        return optim.Adam(listed, lr=self._lr, eps=self._eps, weight_decay=self._weight_decay, fused=one_pass(listed))
