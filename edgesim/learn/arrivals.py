"""What a server does with what arrives, whichever half of a model it has: look at it, learn from it, answer it."""

from collections.abc import Sequence

import torch
from torch import Tensor, optim

from edgesim.codecs.exchange import Exchange
from edgesim.learn.finite import ARRIVED, LOSS, Care, findings_of
from edgesim.wire import Payload, Smashed
from edgesim.work import Message


def received(arrival: Payload, pair: Exchange, care: Care) -> tuple[Tensor, Smashed]:
    """The wire tensor and what the model sees of an arrival."""
    care.look_through(arrival, ARRIVED, findings_of(arrival))
    wire, smashed = pair.receive_up(arrival)
    if arrival.note is not None:
        arrival.note.arrives(wire)
    return wire, smashed


def learn(
    arrivals: Sequence[Payload], wires: Sequence[Tensor], care: Care, optimiser: optim.Optimizer, loss: Tensor | None = None
) -> bool:
    """Take the step that the gradients ask for. Gives whether it was taken; if not, all wire tensors have gradient 0."""
    for arrival, wire in zip(arrivals, wires, strict=True):
        if arrival.note is not None and wire.grad is not None:
            if loss is not None:
                arrival.note.findings.peaks[LOSS] = loss.detach()
            arrival.note.arrived(wire, wire.grad)
    void = any(arrival.void for arrival in arrivals)
    taken = care.step(
        optimiser, *(() if loss is None else (loss,)), *(wire.grad for wire in wires if wire.grad is not None), void=void
    )
    for arrival, wire in zip(arrivals, wires, strict=True) if not taken else ():
        wire.grad = torch.zeros_like(wire)
        if (findings := findings_of(arrival)) is not None:
            findings.skipped.append("server")
    return taken


def follow(arrival: Payload, answer: Message, *, taken: bool) -> None:
    """Let the note of an arrival ride on with the answer, which is void where no step was taken."""
    if isinstance(answer, Payload):
        answer.note, answer.void = arrival.note, not taken
