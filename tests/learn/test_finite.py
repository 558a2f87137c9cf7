"""What a half sees of numbers that are not finite, and what it does about them."""

import math

import pytest
import torch
from torch import Tensor, nn, optim

from edgesim.learn.finite import Care, Findings, after_block, largest, watched
from edgesim.wire import Field, Manifest, Payload, Smashed

WRONG = torch.tensor([1.0, math.nan, -2.0, math.inf, -math.inf])


@pytest.mark.parametrize(
    ("values", "peak"),
    [
        ([1.0, -3.0, 2.0], 3.0),
        ([0.0], 0.0),
        ([-1e38, 3e38], pytest.approx(3e38)),  # whose squares and whose sum no float32 holds
        ([1.0, -math.inf], math.inf),
        ([math.inf, 1.0], math.inf),
        ([1.0, math.nan, 9.0], None),
    ],
)
def test_the_largest_magnitude_survives_what_is_not_finite(values: list[float], peak: float | None) -> None:
    found = float(largest(torch.tensor(values)))
    assert math.isnan(found) if peak is None else found == peak


def test_blocks_are_looked_at_while_asked_to_and_no_longer() -> None:
    blocks = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU())
    nn.init.constant_(blocks[0].weight, 3.0)
    findings = Findings()
    with watched([*blocks], findings):
        blocks(torch.tensor([[1.0, 1.0]]))
    assert {place: float(peak) for place, peak in findings.peaks.items()} == {after_block(1): 6.0, after_block(2): 6.0}
    blocks(torch.tensor([[9.0, 9.0]]))
    assert float(findings.peaks[after_block(1)]) == 6.0
    assert not findings.troubled()


def payload(values: Tensor) -> Payload:
    codes = torch.arange(4)
    fields = (Field("values", tuple(values.shape), 32, "values", analog=True), Field("codes", (4,), 8, "side"))
    return Payload(Manifest(fields), {"values": values, "codes": codes})


@pytest.mark.parametrize(("policy", "void"), [("skip", True), ("guard", False)])
def test_a_message_is_cleaned_counted_and_with_skip_void(policy: str, void: bool) -> None:
    care, findings, message = Care(policy), Findings(), payload(WRONG.clone())  # type: ignore[arg-type]
    care.look_through(message, "here", findings, before=2)
    assert message.tensors["values"].tolist() == [1.0, 0.0, -2.0, 0.0, 0.0]
    assert findings.replaced == {"here": 5}
    assert message.void is void
    care.look_through(clean := payload(torch.ones(3)), "there", findings)
    assert not clean.void
    assert "there" not in findings.replaced
    assert message.departed().void is void


def test_with_stop_nothing_is_touched_or_counted() -> None:
    care, findings, message = Care(), Findings(), payload(WRONG)
    care.look_through(message, "here", findings)
    assert message.tensors["values"] is WRONG
    assert (findings.replaced, message.void) == ({}, False)
    assert care.sound(WRONG)
    smashed = Smashed(WRONG.view(1, 5, 1))
    assert care.smashed(smashed) == (smashed, 0)


def test_activations_and_attention_are_cleaned_and_labels_left() -> None:
    labels = torch.tensor([3])
    smashed, wrong = Care("skip").smashed(Smashed(WRONG.view(1, 5, 1), labels, torch.tensor([[math.nan, 1.0]])))
    assert wrong == 4
    assert smashed.attention is not None
    assert smashed.attention.tolist() == [[0.0, 1.0]]
    assert smashed.labels is labels


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_step_is_taken_with_all_that_is_finite_or_not_at_all(wrong: float) -> None:
    first, second = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    optimiser = optim.SGD([first, second], lr=0.5, momentum=0.9)
    care = Care("guard")
    first.grad, second.grad = torch.ones(2), torch.tensor([1.0, wrong])
    assert not care.step(optimiser)
    assert first.tolist() == second.tolist() == [1.0, 1.0]
    assert (first.grad, optimiser.state[first].get("momentum_buffer")) == (None, None)
    first.grad, second.grad = torch.ones(2), torch.ones(2)
    assert not care.step(optimiser, void=True)
    first.grad = torch.ones(2)
    assert not care.step(optimiser, torch.tensor(wrong))
    first.grad = torch.ones(2)
    assert care.step(optimiser, torch.tensor(0.0))
    assert first.tolist() == [0.5, 0.5]
    assert second.tolist() == [1.0, 1.0]
