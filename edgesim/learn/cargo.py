"""Weights that travel: what one end of the model has learned, as one vector in a message."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn, optim

from edgesim.learn.optimisers.base import Optimiser
from edgesim.wire import FLOAT_BITS, Field, Manifest, Payload
from edgesim.work import Message, Work

if TYPE_CHECKING:
    from edgesim.codecs.base import Codec


def manifest(numbers: int, moments: int = 0) -> Manifest:
    """The message for so many weights and optimiser moments: 32 bits each, charged as sent in every ledger."""
    fields = [Field("model", (numbers,), FLOAT_BITS, "model")]
    if moments:
        fields.append(Field("optimiser", (moments,), FLOAT_BITS, "model"))
    bits = (numbers + moments) * FLOAT_BITS
    return Manifest(tuple(fields), paper_bits=bits, code_bits=bits)


def learned(part: nn.Module) -> list[Tensor]:
    """Parameters and buffers of a part of the model."""
    return [tensor for _name, tensor in _named(part)]


def learned_end(codec: "Codec", end: str) -> list[Tensor]:
    """Parameters and buffers of the client's or the server's end of a codec; its fixed keys are neither."""
    return [tensor for name, tensor in _named(codec) if end in name.split(".")]


def numbers(tensors: Sequence[Tensor]) -> int:
    """How many numbers they hold together."""
    return sum(tensor.numel() for tensor in tensors)


def packed(tensors: Sequence[Tensor], optimiser: optim.Optimizer | None = None) -> Payload:
    """The message with copies of the tensors, one after the other, and of the optimiser's moments if it is given."""
    model = torch.cat([tensor.detach().reshape(-1).float() for tensor in tensors])
    if optimiser is None:
        return Payload(manifest(model.numel()), {"model": model})
    memory = _packed_moments(optimiser)
    return Payload(manifest(model.numel(), memory.numel()), {"model": model, "optimiser": memory})


def unpack(message: Message, tensors: Sequence[Tensor], optimiser: optim.Optimizer | None = None) -> None:
    """Write a message's weights into the tensors, and its moments, if it has any, into the optimiser.

    Raises ValueError where it holds another number of weights.
    """
    if not isinstance(message, Payload):
        raise ValueError("the model message carries no tensors; a timing-only half cannot teach one that learns")
    flat = message.tensors["model"]
    if flat.numel() != numbers(tensors):
        raise ValueError(f"the model message has {flat.numel()} numbers, but {numbers(tensors)} belong here")
    with torch.no_grad():
        for tensor, piece in zip(tensors, torch.split(flat, [tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(piece.view_as(tensor))
    if optimiser is not None and "optimiser" in message.tensors:
        _unpack_moments(message.tensors["optimiser"], optimiser)


def average(messages: Sequence[Message], weights: Sequence[float]) -> Work:
    """The weighted mean of model messages (federated averaging, McMahan et al. 2017). value: the message of the mean.

    weights  one for each message, positive; they are normalised. FLOPs: a multiplication and an addition a number and message.
    """
    first = messages[0]
    total = sum(weights)
    if isinstance(first, Manifest):
        return Work(first, 2.0 * len(messages) * sum(item.count for item in first.fields))
    mean = torch.zeros_like(first.tensors["model"])
    for message, weight in zip(messages, weights, strict=True):
        assert isinstance(message, Payload)
        mean.add_(message.tensors["model"], alpha=weight / total)
    return Work(Payload(manifest(mean.numel()), {"model": mean}), 2.0 * len(messages) * mean.numel())


def moments(settings: Optimiser, trained: int) -> int:
    """How many numbers an optimiser's memory of `trained` parameters takes: its moments, and the count of its steps."""
    known = settings.moments  # a trial step would import torch's compiler
    return trained * (len(_kinds_of_moments(settings.make([nn.Parameter(torch.zeros(2))]))) if known is None else known) + 1


def _named(module: nn.Module) -> list[tuple[str, Tensor]]:
    return [*module.named_parameters(), *module.named_buffers()]


def _kinds_of_moments(optimiser: optim.Optimizer) -> list[str]:
    """Names of the tensors an optimiser of this make keeps for each parameter, from one step on a single number."""
    probe = nn.Parameter(torch.zeros(2))
    probe.grad = torch.ones(2)
    settings = {name: value for name, value in optimiser.param_groups[0].items() if name != "params"}
    make: Any = type(optimiser)
    twin = make([{"params": [probe], **settings}])
    twin.step()
    state: dict[str, Any] = twin.state[probe]
    return [name for name, value in state.items() if isinstance(value, Tensor) and value.numel() == 2]


def _packed_moments(optimiser: optim.Optimizer) -> Tensor:
    names = _kinds_of_moments(optimiser)
    parts: list[Tensor] = []
    steps = torch.zeros(())
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            state = optimiser.state.get(parameter, {})
            steps = state.get("step", torch.zeros(()))
            parts += [state.get(name, torch.zeros_like(parameter)).reshape(-1) for name in names]
    return torch.cat([*parts, steps.float().view(1).to(parts[0].device if parts else steps.device)])


def _unpack_moments(flat: Tensor, optimiser: optim.Optimizer) -> None:
    names = _kinds_of_moments(optimiser)
    place = 0
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            state = optimiser.state[parameter]
            for name in names:
                state[name] = flat[place : place + parameter.numel()].view_as(parameter).clone()
                place += parameter.numel()
            if "step" in state or names:
                state["step"] = flat[-1].clone()  # where the weights are: fused optimisers count there
