"""Blocks of a model through torch.compile."""

import importlib.util
import os
import shutil
from collections.abc import Iterable
from types import MethodType

import torch
from torch import nn

from edgesim.errors import NotFoundError


def compile_blocks(blocks: Iterable[nn.Module], *, backend: str = "inductor") -> None:
    """Have each block computed by what torch.compile makes of it, at the first step of each shape.

    Blocks of one class share what is compiled, however many there are, and so do their copies; names and weights stay as they
    are, and hooks of a block as a whole are heard. Hooks inside it are not: leave such a block out.
    """
    for block in blocks:
        vars(block)["forward"] = MethodType(torch.compile(type(block).forward, backend=backend), block)


def check_compiler(accelerator: str) -> None:
    """Raises NotFoundError where what torch.compile needs on such an accelerator is not on this host."""
    if accelerator == "cuda" and importlib.util.find_spec("triton") is None:
        raise NotFoundError("host.compile: torch.compile needs the package triton for a GPU; install it, or leave compile out")
    wanted = [os.environ["CXX"]] if "CXX" in os.environ else ["g++", "clang++"]
    if accelerator == "cpu" and not any(shutil.which(name) for name in wanted):
        raise NotFoundError(
            f"host.compile: torch.compile needs a C++ compiler ({' or '.join(wanted)}); install one, or leave compile out"
        )
