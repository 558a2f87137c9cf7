"""ADC's selection of tokens alone: which are kept, what telling them costs, and how gradients come back."""

import math

import pytest
import torch
from torch import Generator, Tensor

from edgesim.codecs.adc_tokens import ADCTokens
from edgesim.codecs.base import Cut, Ratios
from edgesim.errors import RunError
from edgesim.wire import Payload, Smashed

CUT = Cut((6, 4), classes=3)
ATTENTION = torch.tensor([[0.01, 0.1, 0.2, 0.05, 0.12, 0.03], [0.1, 0.05, 0.1, 0.4, 0.2, 0.4]])
KEPT = torch.tensor([[0, 2, 4], [0, 3, 5]])  # the class token whatever its own score; ascending


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=Generator().manual_seed(seed))


def encoded(x: Tensor, attention: Tensor = ATTENTION, k: int = 3) -> Payload:
    return ADCTokens(CUT, k=k).encode(Smashed(x, torch.tensor([2, 0]), attention), Generator())


def test_the_most_attended_arrive_with_their_places_and_scores() -> None:
    x, codec = normal(2, 6, 4), ADCTokens(CUT, k=3)
    there = codec.decode(encoded(x).departed())
    assert torch.equal(there.x, torch.stack([x[0, [0, 2, 4]], x[1, [0, 3, 5]]]))
    assert there.positions is not None
    assert there.attention is not None
    assert there.labels is not None
    assert torch.equal(there.positions, KEPT)
    assert torch.equal(there.attention, ATTENTION.gather(1, KEPT))
    assert there.labels.tolist() == [2, 0]


def test_the_answer_goes_back_to_the_tokens_kept() -> None:
    x = normal(2, 6, 4).requires_grad_()
    payload, answer = encoded(x), normal(2, 3, 4, seed=1)
    assert payload.handle is not None
    torch.autograd.backward(payload.handle, answer)
    wanted = torch.zeros(2, 6, 4)
    wanted[0, [0, 2, 4]], wanted[1, [0, 3, 5]] = answer[0], answer[1]
    assert x.grad is not None
    assert torch.equal(x.grad, wanted)


def test_of_equal_scores_the_first_are_kept() -> None:
    there = ADCTokens(CUT, k=3).decode(encoded(normal(2, 6, 4), torch.full((2, 6), 0.2)).departed())
    assert there.positions is not None
    assert there.positions.tolist() == [[0, 1, 2]] * 2


def test_the_bits_by_hand() -> None:
    """Two samples, three tokens of four floats; two of five places in 3 bits each, three scores, one of three classes."""
    codec = ADCTokens(CUT, k=3)
    manifest = codec.manifest(2)
    assert manifest.by_role == {"values": 2 * 3 * 4 * 32, "side": 2 * (2 * 3 + 3 * 32), "labels": 2 * 2, "model": 0}
    assert codec.ratios(2) == Ratios(0.5, 0.5, 0.5, 0.5)
    half = 2 * (6 * 4 * 32 + math.log2(3)) / 2
    assert (manifest.paper_bits, manifest.code_bits) == pytest.approx((half, half))
    assert ADCTokens(CUT, k=1).manifest(2).by_role["side"] == 2 * 32  # the class token's place needs no telling


@pytest.mark.parametrize(("xi", "k"), [(0.1, 19), (0.5, 98), (1.0, 197), (0.001, 1)])
def test_a_ratio_is_of_tokens_rounded_down(xi: float, k: int) -> None:
    assert ADCTokens(Cut((197, 192)), xi=xi).item == (k, 192)


def test_a_score_that_is_no_number_stops_the_run() -> None:
    with pytest.raises(RunError, match="cannot rank"):
        encoded(normal(2, 6, 4), ATTENTION * torch.tensor([math.nan, 1, 1, 1, 1, 1]))
