"""How weights follow their gradients."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

from torch import optim
from torch.nn import Parameter


class Optimiser(ABC):
    """An optimiser's settings. Abstract: subclass it, one final subclass a file; keyword-only parameters come from YAML.

    moments  numbers it remembers of each parameter from one step to the next; None: a step on one parameter tells
    """

    moments: int | None = None

    @abstractmethod
    def make(self, parameters: Iterable[Parameter]) -> optim.Optimizer:
        """A fresh optimiser of these parameters; each half of a model gets its own."""


def one_pass(parameters: Sequence[Parameter]) -> bool | None:
    """torch's `fused`, a kernel for many operations, where there is one; elsewhere torch's choice.

    On a CPU torch would loop over small operations, on a GPU launch a kernel for each, and under a gradient scale wait for it.
    """
    return True if all(parameter.device.type in ("cpu", "cuda") for parameter in parameters) else None


def positive(name: str, value: float) -> float:
    """`value` if it is above 0, else ValueError."""
    if not value > 0.0:
        raise ValueError(f"{name} must be above 0, got {value}")
    return value


def not_negative(name: str, value: float) -> float:
    """`value` if it is at least 0, else ValueError."""
    if not value >= 0.0:
        raise ValueError(f"{name} must be at least 0, got {value}")
    return value
