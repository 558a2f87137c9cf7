"""Numbers that are not finite: where a step first met one, and what a half of the model does about it."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn, optim

from edgesim.wire import Payload, Smashed

Policy = Literal["stop", "skip", "guard"]

# Places of a step, in the order in which it comes by them; before them the client's blocks.
SENT = "values made by the uplink codec"
ARRIVED = "values received over the uplink"
LOSS = "loss"
GRADIENT = "gradient at the server"
RETURNED = "gradient received over the downlink"


def after_block(number: int) -> str:
    """The place after a block of the client, counted from 1."""
    return f"activations after block {number} on the client"


def largest(tensor: Tensor) -> Tensor:
    """max |x| of a tensor with at least one entry, [] as the tensor's; NaN where one is. Waits for nothing."""
    low, high = torch.aminmax(tensor.detach())
    return torch.maximum(-low, high)


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Whether every entry is finite. Waits for the accelerator."""
    return bool(torch.stack([tensor.isfinite().all() for tensor in tensors]).all())


class Findings:
    """What was seen of one step of one client, in the order of its way.

    peaks     largest magnitude at each place, on the accelerator
    replaced  values that were not finite and became 0, by place
    skipped   the halves, client or server, whose weights stayed as they were
    """

    __slots__ = ("peaks", "replaced", "skipped")

    def __init__(self) -> None:
        self.peaks: dict[str, Tensor] = {}
        self.replaced: dict[str, int] = {}
        self.skipped: list[str] = []

    def look(self, place: str, tensor: Tensor) -> None:
        """Remember how large the values are there."""
        self.peaks[place] = largest(tensor)

    def measured(self, loss: Tensor) -> tuple[list[str], Tensor]:
        """As `Trip.measured`, for a model that is not cut."""
        return list(self.peaks), torch.stack([loss, *(peak.to(loss) for peak in self.peaks.values())])

    def troubled(self) -> dict[str, float]:
        """All peaks as numbers if one of them is not finite, else nothing. Waits for the accelerator."""
        return {place: float(peak) for place, peak in self.peaks.items()} if first_not_finite(self.peaks) else {}


def first_not_finite(peaks: dict[str, Tensor]) -> bool:
    """Whether one of them is not finite. Waits for the accelerator."""
    return bool(peaks) and not all_finite(peaks.values())


@contextmanager
def watched(blocks: Sequence[nn.Module], findings: Findings) -> Iterator[None]:
    """While it lasts, the output of each of a client's blocks is looked at."""

    def look(number: int, output: Tensor) -> None:
        findings.look(after_block(number), output)

    hooks = [
        block.register_forward_hook(lambda _block, _inputs, output, number=number: look(number, output))
        for number, block in enumerate(blocks, 1)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


class Care:
    """What one half of a model does about numbers that are not finite.

    With `stop` nothing, and nothing waits: the run ends when the step is told. Otherwise such values are taken for 0 before
    they are compressed and as they arrive, so that no codec, model or optimiser meets one. With `skip` a message that had any
    is void: no half takes that step. With `guard` the step is taken with what is left. With either a half whose loss or
    gradients are not finite leaves its weights and its optimiser's memory as they are, and its message is void.
    """

    def __init__(self, policy: Policy = "stop") -> None:
        self.policy = policy

    def cleaned(self, tensor: Tensor) -> tuple[Tensor, int]:
        """The tensor with 0 for what is not finite, and how many values that were."""
        if self.policy == "stop":
            return tensor, 0
        finite = tensor.isfinite()
        wrong = tensor.numel() - int(finite.sum())
        return (torch.where(finite, tensor, 0.0), wrong) if wrong else (tensor, 0)

    def smashed(self, smashed: Smashed) -> tuple[Smashed, int]:
        """Activations and attention that a codec can work on."""
        x, wrong = self.cleaned(smashed.x)
        attention, more = self.cleaned(smashed.attention) if smashed.attention is not None else (None, 0)
        return (replace(smashed, x=x, attention=attention), wrong + more) if wrong + more else (smashed, 0)

    def look_through(self, payload: Payload, place: str, findings: Findings | None, before: int = 0) -> None:
        """Clean the real values of a payload. before: values in its place that were cleaned already."""
        if self.policy == "stop":
            return
        wrong = before
        for name, tensor in payload.tensors.items():
            if tensor.is_floating_point():
                payload.tensors[name], more = self.cleaned(tensor)
                wrong += more
        if wrong and findings is not None:
            findings.replaced[place] = wrong
        payload.void |= wrong > 0 and self.policy == "skip"

    def sound(self, *tensors: Tensor) -> bool:
        """Whether what is computed may be learned from; with `stop` always, and unseen."""
        return self.policy == "stop" or all_finite(tensors)

    def step(self, optimiser: optim.Optimizer, *others: Tensor, void: bool = False) -> bool:
        """Take the optimiser's step unless it is void, or a gradient or one of `others` is not finite. Gives whether it did."""
        weights = [weight for group in optimiser.param_groups for weight in group["params"]]
        gradients = (weight.grad for weight in weights if weight.grad is not None)
        taken = not void and (self.policy == "stop" or self.sound(*others, *gradients))
        if taken:
            optimiser.step()
        for weight in weights:  # what `zero_grad` does, without what it does for profilers
            weight.grad = None
        return taken


def findings_of(message: object) -> Findings | None:
    """Those of the client's step that a message belongs to, where somebody keeps them."""
    note = message.note if isinstance(message, Payload) else None
    return note.findings if note is not None else None
