"""What a half learned, as plain mappings: taken out, and put back where it fits.

Tensors are those in use: write or copy them before the next step. Settings, such as learning rates, are not among it: they are
the scenario's.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn, optim

EXTRA = "_extra_state"  # torch's name for what a module keeps beside parameters and buffers; its shape is its own affair


def moments(optimiser: optim.Optimizer) -> dict[str, Any]:
    """What an optimiser remembers of each of its parameters, in their order."""
    kept = optimiser.state_dict()["state"]
    return {"kind": type(optimiser).__name__, "each": [dict(kept.get(place, {})) for place in range(_count(optimiser))]}


def put_moments(optimiser: optim.Optimizer, memory: Mapping[str, Any]) -> None:
    """Give it back. Raises ValueError where it is another optimiser's, or of other parameters."""
    each = memory["each"]
    if not any(each):
        return
    if memory["kind"] != type(optimiser).__name__:
        raise ValueError(
            f"optimiser: it is {type(optimiser).__name__}, and the checkpoint holds what {memory['kind']} remembers"
        )
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    if len(each) != len(parameters):
        raise ValueError(f"optimiser: it has {len(parameters)} parameters, and the checkpoint {len(each)}")
    own = {
        place: {name: _like(value, parameter) for name, value in values.items()}
        for place, (parameter, values) in enumerate(zip(parameters, each, strict=True))
        if values
    }
    optimiser.load_state_dict({"state": own, "param_groups": optimiser.state_dict()["param_groups"]})


def put_weights(what: str, module: nn.Module, own: Mapping[str, Any], kept: Mapping[str, Any]) -> None:
    """Give a module the part `own` of its state back. Raises ValueError, naming the first, where names or shapes differ.

    what  it is, in a scenario's words
    """
    for name in sorted(own.keys() | kept.keys()):
        if name not in kept or name not in own:
            raise ValueError(f"{what}: {name} is {'not in the checkpoint' if name in own else 'in the checkpoint only'}")
        if not name.endswith(EXTRA) and own[name].shape != kept[name].shape:
            raise ValueError(f"{what}: {name} is {list(own[name].shape)}, in the checkpoint {list(kept[name].shape)}")
    module.load_state_dict(kept, strict=False)


def _count(optimiser: optim.Optimizer) -> int:
    return sum(len(group["params"]) for group in optimiser.param_groups)


def _like(value: Any, parameter: Tensor) -> Any:
    """A copy, laid out in memory like the parameter."""
    if not isinstance(value, Tensor):
        return value
    return torch.empty_like(parameter, dtype=value.dtype).copy_(value) if value.shape == parameter.shape else value.clone()
