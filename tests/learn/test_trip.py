"""What is measured of a step, against closed forms and against the tensors themselves."""

import math
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from edgesim.codecs.base import Cut
from edgesim.codecs.exchange import Exchange
from edgesim.codecs.identity import Identity
from edgesim.codecs.quantise import Quantise
from edgesim.codecs.topk import TopK
from edgesim.learn.readings import Readings
from edgesim.learn.trip import Insight, Trip
from edgesim.rows import Step
from edgesim.wire import Payload, Smashed

CUT = Cut((5, 8), classes=4)


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def read(*steps: tuple[Tensor, Trip | None]) -> list[Step]:
    """The rows of these steps, completed together."""
    rows: list[Step] = []
    readings = Readings(lambda row, _peaks: rows.append(row))
    for number, (loss, trip) in enumerate(steps, 1):
        readings.add(Step(number, *[0] * 12, loss=math.nan), loss, trip)
    assert not rows  # nobody has waited for the accelerator yet
    readings.flush()
    readings.flush()
    return rows


def there_and_back(up: Any, down: Any, gradient: Tensor) -> tuple[dict[str, float], Tensor, Tensor, Tensor]:
    """A message and its answer through two codecs: what was measured, W, W' and the gradient at the cut."""
    exchange = Exchange(CUT, up, down)
    z = torch.randn(6, 5, 8, generator=seeded(1)).requires_grad_()
    leaving = z * 1.0  # as from a layer
    payload = exchange.send_up(Smashed(leaving, torch.arange(6) % 4), seeded())
    assert payload.handle is not None
    payload.note = Trip(payload.handle, leaving)
    wire, _smashed = exchange.receive_up(payload.departed())
    gradient = gradient.expand_as(wire).clone()
    payload.note.arrived(wire, gradient)
    received = exchange.receive_down(exchange.send_down(gradient, 6, seeded(2)))
    payload.note.answered(received)
    torch.autograd.backward(payload.handle, received)
    [row] = read((torch.tensor(0.5), payload.note))
    assert row.loss == 0.5
    assert z.grad is not None
    return {name: getattr(row, name) for name in Insight._fields}, payload.handle.detach(), wire.detach(), z.grad


def test_what_is_sent_as_it_is_has_no_error() -> None:
    """Identity both ways: 240 entries of gradient 0.5 have norm 0.5 sqrt 240, at the wire and at the cut."""
    found, *_ = there_and_back(Identity(CUT), Identity(Cut(CUT.item)), torch.tensor(0.5))
    norm = pytest.approx(0.5 * math.sqrt(6 * 5 * 8), rel=1e-6)
    assert found == {"uplink_error": 0.0, "gradient_norm": norm, "downlink_error": 0.0, "cut_gradient_norm": norm}


def test_rounding_on_the_way_up_is_seen() -> None:
    found, sent, received, _ = there_and_back(Quantise(CUT, bits=3), Identity(Cut(CUT.item)), torch.tensor(1.0))
    assert found["uplink_error"] == pytest.approx(float((received - sent).norm() / sent.norm()), rel=1e-5)
    assert 0.0 < found["uplink_error"] < 1.0
    assert found["downlink_error"] == 0.0


def test_what_the_downlink_codec_drops_is_seen() -> None:
    """Ones and a few tens of which Top-K sends a quarter of each row: the rest is the error, and is missing at the cut too."""
    gradient = torch.ones(40)
    gradient[::4] = 10.0
    found, *_, cut = there_and_back(Identity(CUT), TopK(Cut(CUT.item), rate=0.25), gradient.view(5, 8))
    whole, dropped = 6 * (10 * 100.0 + 30 * 1.0), 6 * 30 * 1.0
    assert found["gradient_norm"] == pytest.approx(math.sqrt(whole), rel=1e-6)
    assert found["downlink_error"] == pytest.approx(math.sqrt(dropped / whole), rel=1e-5)
    assert found["cut_gradient_norm"] == pytest.approx(math.sqrt(whole - dropped), rel=1e-6)
    assert found["cut_gradient_norm"] == pytest.approx(float(cut.norm()), rel=1e-6)


def test_what_was_not_measured_is_not_a_number() -> None:
    nothing = Trip(torch.ones(3), torch.ones(3))
    [row] = read((torch.tensor(2.0), nothing))
    assert row.loss == 2.0
    assert all(math.isnan(getattr(row, name)) for name in Insight._fields)
    nothing.arrived(torch.ones(3), torch.zeros(3))
    nothing.answered(torch.zeros(3))
    [row] = read((torch.tensor(2.0), nothing))
    assert [getattr(row, name) for name in Insight._fields[:3]] == [0.0, 0.0, 0.0]


def test_a_payload_carries_its_note_and_nothing_else_that_stays_behind() -> None:
    payload = Identity(CUT).encode(Smashed(torch.zeros(2, 5, 8), torch.zeros(2, dtype=torch.int64)), seeded())
    payload.note = "note"
    departed = payload.departed()
    assert (departed.note, departed.handle, departed.kept) == ("note", None, {})
    assert isinstance(departed, Payload)
