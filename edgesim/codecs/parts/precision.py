"""The number format of wire tensors."""

import torch
from torch import Tensor

_HALF = (torch.float16, torch.bfloat16)


def widen(x: Tensor) -> Tensor:
    """Half-precision values as float32, everything else as it is; differentiable.

    A wire tensor is charged at 32 bits a value unless a codec says otherwise, so it is computed at that precision.
    """
    return x.float() if x.dtype in _HALF else x
