"""A counter of matrix products and convolutions.

torch's own (`torch.utils.flop_counter`) imports Triton, 70 MB of memory that a city of devices needs for itself.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from edgesim.errors import RunError

ATEN = torch.ops.aten
COUNTED_WORDS = ("mm", "mv", "dot", "matmul", "linear", "conv", "attention")  # in the name of whatever multiplies matrices


def _product(first: int) -> Callable[[Any, Any], float]:
    """[..., m, k] by [..., k, n], the argument of that place by the one after it."""
    return lambda args, out: float(2 * out.numel() * args[first].shape[-1])


def _convolution(args: Any, out: Any) -> float:
    """A kernel of [C_out, C_in / groups, ...] at every place of the output."""
    return float(2 * out.numel() * math.prod(args[1].shape[1:]))


def _convolution_backward(args: Any, out: Any) -> float:
    """As much again for each gradient that is asked for: with respect to what came in, to the kernel."""
    wanted = sum(gradient is not None for gradient in out[:2])
    return float(wanted * 2 * args[0].numel() * math.prod(args[2].shape[1:]))


FORMULAS: Mapping[Any, Callable[[Any, Any], float]] = {
    ATEN.mm: _product(0),
    ATEN.bmm: _product(0),
    ATEN.addmm: _product(1),
    ATEN.baddbmm: _product(1),
    ATEN.convolution: _convolution,
    ATEN.convolution_backward: _convolution_backward,
}


class MatrixFlops(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch does not type its modes
    """Counts while it is entered, 1 multiply-accumulate = 2; raises RunError at a kernel that it does not know.

    total  FLOPs until now
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0.0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        formula = FORMULAS.get(func.overloadpacket)
        if formula is not None:
            self.total += formula(args, out)
        elif any(word in func.overloadpacket.__name__ for word in COUNTED_WORDS):
            raise RunError(f"cannot count the FLOPs of {func}: edgesim/learn/matrix_flops.py has no formula for it")
        return out


def counted(forward: Callable[[], Tensor]) -> tuple[float, float]:
    """FLOPs of `forward` and of going back through it."""
    with MatrixFlops() as going:
        output = forward()
    with MatrixFlops() as returning:
        torch.autograd.backward(output, torch.empty_like(output))
    return going.total, returning.total
