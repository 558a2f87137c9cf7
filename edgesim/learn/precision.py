"""Mixed precision: a part of a model that computes in 16 bits between float32 ends."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import Parameter

Kind = Literal["float32", "bfloat16", "float16"]
_FURTHEST = 126  # exponents of powers of two that are normal in float32, and so are their inverses


class Precision:
    """How a part of a model computes: all in float32, or its matrix products in 16 bits (torch's autocast).

    What enters and leaves the part, its weights and their gradients are float32 whatever the kind.
    float16 ends at 6e-8: a part multiplies the gradient that comes back to it by the power of two that brings its largest entry
    into [1/2, 1), and divides what leaves it, and the gradients of its weights, by the same. Both are exact, wait for nothing
    and need no memory of earlier steps, unlike a scale for the loss that grows until something overflows (P. Micikevicius et
    al., Mixed precision training, ICLR 2018, section 3.2). bfloat16 has the range of float32 and needs none of it.
    """

    def __init__(self, kind: Kind = "float32") -> None:
        self._kind = kind
        self._hooked = False
        self._begun = False  # whether the backward pass under way has its exponent
        self._exponent = torch.zeros((), dtype=torch.int32)

    def __deepcopy__(self, memo: Any) -> "Precision":
        return Precision(self._kind)  # hooks belong to the parameters of the part, and a copied part has others

    def region(self, like: Tensor) -> AbstractContextManager[object]:
        """Within it, matrix products are computed in 16 bits, on the device of `like`."""
        if self._kind == "float32":
            return nullcontext()
        return torch.autocast(like.device.type, getattr(torch, self._kind))

    def enters(self, x: Tensor, parameters: Iterable[Parameter]) -> Tensor:
        """x as the part takes it. parameters: those that the part computes with."""
        if self._kind != "float16" or not torch.is_grad_enabled():
            return x
        self._begun = False
        for parameter in () if self._hooked else (each for each in parameters if each.requires_grad):
            parameter.register_hook(self._unscaled)  # type: ignore[no-untyped-call]  # torch does not type it
        self._hooked = True
        inner = x.view_as(x)  # hooks of x itself see its own gradient
        if x.requires_grad:
            inner.register_hook(self._unscaled)  # type: ignore[no-untyped-call]
        return inner

    def leaves(self, z: Tensor) -> Tensor:
        """z float32, as the part gives it."""
        wide = z.float()
        if self._kind != "float16" or not wide.requires_grad:
            return wide
        wide.register_hook(self._scaled)  # type: ignore[no-untyped-call]
        return wide.view_as(wide)

    def _scaled(self, gradient: Tensor) -> Tensor:
        if not self._begun:  # what several groups of rows give back in one pass has one scale, for they share weights
            exponent = torch.frexp(gradient.abs().amax()).exponent
            self._exponent = exponent.clamp(-_FURTHEST, _FURTHEST)
            self._begun = True
        return gradient * _power(-self._exponent)

    def _unscaled(self, gradient: Tensor) -> Tensor:
        return gradient * _power(self._exponent)


def _power(exponent: Tensor) -> Tensor:
    """2 to an int32, exactly: the bits of a float32 of mantissa 1."""
    return ((exponent + 127) << 23).view(torch.float32)
