"""Adaptive: one message, one of several sizes, and the number that tells which."""

import pytest
import torch
from torch import Generator
from torch.nn.functional import softmax

from edgesim.codecs.adaptive import Adaptive
from edgesim.codecs.adc import ADC
from edgesim.codecs.base import Codec, Cut
from edgesim.codecs.bottlenet import BottleNet
from edgesim.codecs.exchange import Exchange
from edgesim.codecs.feedback import Feedback
from edgesim.codecs.identity import Identity
from edgesim.codecs.quantise import Quantise
from edgesim.codecs.slacc import SLACC
from edgesim.codecs.target import ratio_of
from edgesim.codecs.topk import TopK
from edgesim.wire import Smashed

CUT = Cut((17, 24), classes=10)
BATCH = 12


def adaptive(codec: Codec | None = None, **knobs: object) -> Adaptive:
    given = {"policy": "deadline", "step_s": 0.1, "xi_min": 0.1, "xi_max": 0.9, "levels": 5} | knobs
    return Adaptive(CUT, codec=codec or ADC(CUT, xi=1.0), **given)  # type: ignore[arg-type]  # knobs of several types


def smashed() -> Smashed:
    generator = Generator().manual_seed(1)
    x = torch.randn(BATCH, 17, 24, generator=generator, requires_grad=True)
    attention = softmax(2.0 * torch.randn(BATCH, 17, generator=generator), -1)
    return Smashed(x, torch.arange(BATCH) % 10, attention)


def test_the_grid_is_geometric_and_realised_in_the_ledger_asked_for() -> None:
    codec = adaptive(TopK(CUT, xi=0.5), xi_min=0.1, xi_max=0.8, levels=4).graded("wire", BATCH)
    ratios = [ratio_of(choice, "wire", BATCH) for choice in codec.choices]
    assert ratios == pytest.approx([0.1, 0.2, 0.4, 0.8], rel=0.01)


def test_sizes_that_come_out_alike_count_once() -> None:
    codec = adaptive(Quantise(CUT), xi_min=0.1, xi_max=0.2, levels=40)
    assert [choice.manifest(1).fields[0].bits_each for choice in codec.choices] == [3, 4, 5, 6]


@pytest.mark.parametrize("level", range(5))
def test_the_receiver_learns_the_size_from_the_message(level: int) -> None:
    """A receiver that stands at another size decodes what the codec chosen would."""
    codec, data = adaptive(), smashed()
    payload = codec.pinned(level).encode(data, Generator().manual_seed(3))
    there = codec.decode(payload.departed())
    inner = codec.choices[level]
    plain = inner.encode(data, Generator().manual_seed(3))
    assert torch.equal(there.x, inner.decode(plain.departed()).x)
    assert payload.manifest.bits == plain.manifest.bits + 3  # 5 sizes
    assert (payload.manifest.paper_bits, payload.manifest.code_bits) == (plain.manifest.paper_bits, plain.manifest.code_bits)
    again = codec.from_bytes(codec.pinned(level).to_bytes(payload), BATCH)
    assert torch.equal(codec.decode(again).x, there.x)


def test_an_exchange_has_a_pair_for_each_size_and_its_answer_fits() -> None:
    codec = adaptive()
    exchange = Exchange(CUT, codec, Quantise(Cut(codec.item), bits=4))
    assert len(exchange.settings) == 5
    sizes = [pair.up_manifest(BATCH).bits for pair in exchange.settings]
    assert sizes == sorted(sizes)
    assert exchange.up_manifest(BATCH) == exchange.settings[-1].up_manifest(BATCH)
    for number, pair in enumerate(exchange.settings):
        payload = pair.send_up(smashed(), Generator().manual_seed(3))
        assert exchange.setting_of(payload.departed()) == number
        wire, there = exchange.settings[number].receive_up(payload.departed())
        there.x.sum().backward()
        assert wire.grad is not None
        answer = pair.receive_down(pair.send_down(wire.grad, BATCH, Generator().manual_seed(4)))
        assert payload.handle is not None
        assert answer.shape == payload.handle.shape
        assert pair.down_manifest(BATCH).by_role["values"] == 4 * answer.numel()


def test_a_downlink_with_a_memory_goes_with_answers_of_one_shape() -> None:
    values = adaptive(Quantise(CUT), xi_max=0.5)
    down = Feedback(Cut(CUT.item), codec=Quantise(Cut(CUT.item), bits=4))
    assert all(pair.down is down for pair in Exchange(CUT, values, down).settings)
    tokens = adaptive()
    shaped = Feedback(Cut(tokens.item), codec=Quantise(Cut(tokens.item), bits=4))
    with pytest.raises(ValueError, match="Feedback remembers answers of one shape, and Adaptive changes it"):
        Exchange(CUT, tokens, shaped)


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"policy": "budget"}, "policy deadline takes step_s, policy budget takes steps"),
        ({"step_s": None}, "policy deadline takes step_s"),
        ({"steps": 3}, "policy deadline takes step_s"),
        ({"policy": "fast"}, "policy must be one of deadline, budget"),
        ({"xi_min": 0.9, "xi_max": 0.9}, "xi_min must be below xi_max"),
        ({"share": 1.0}, "share must lie in"),
        ({"step_s": 0.0}, "step_s must lie in"),
        ({"codec": SLACC(CUT, xi=0.5)}, r"codec \(SLACC\) is trained or remembers"),
        ({"codec": BottleNet(CUT, xi=0.5)}, r"codec \(BottleNet\) is trained or remembers"),
        ({"codec": Identity(Cut((3, 4)))}, "was built for"),
    ],
)
def test_knobs_that_cannot_be(knobs: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        adaptive(**knobs)  # type: ignore[arg-type]  # knobs of several types


def test_ratios_out_of_reach_are_named() -> None:
    with pytest.raises(ValueError, match=r"Quantise cannot have the ratio 0\.5196\d+ .* from 0\.0312 to 0\.5"):
        adaptive(Quantise(CUT)).graded("paper", BATCH)
    with pytest.raises(ValueError, match="adaptive chooses xi itself: give xi_min and xi_max"):
        adaptive().like(dial=0.5)
