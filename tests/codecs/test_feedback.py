"""Error feedback: sums over steps telescope, and without decay it is the codec alone."""

import pytest
import torch
from torch import Generator, Tensor

from edgesim.codecs.adc import ADC
from edgesim.codecs.base import Codec, Cut
from edgesim.codecs.bottlenet import BottleNet
from edgesim.codecs.c3sl import C3SL
from edgesim.codecs.feedback import Feedback
from edgesim.codecs.quantise import Quantise
from edgesim.codecs.topk import TopK
from edgesim.wire import Smashed

CUT = Cut((5, 8))


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def through(codec: Codec, x: Tensor) -> Tensor:
    return codec.decode(codec.encode(Smashed(x), Generator().manual_seed(0)).departed()).x


@pytest.mark.parametrize("inner", [TopK(CUT, rate=0.1), Quantise(CUT, bits=2)], ids=["topk", "quantise"])
def test_what_arrives_and_the_residual_add_up(inner: Codec) -> None:
    """sum_t C(x_t + e_t) + e_T = sum_t x_t, whatever the batches."""
    codec = Feedback(CUT, codec=inner)
    sent = [normal(3, 5, 8, seed=step) for step in range(7)]
    arrived = [through(codec, x) for x in sent]
    torch.testing.assert_close(sum(arrived) + codec.get_extra_state(), sum(sent), rtol=1e-5, atol=1e-5)


def test_nothing_of_a_constant_is_lost() -> None:
    """Top-1 of 4 by hand: what was not sent grows until it is the largest."""
    codec, x = Feedback(Cut((4,)), codec=TopK(Cut((4,)), rate=0.25)), torch.tensor([[3.0, 2.0, 1.4, 0.0]])
    arrived = [through(codec, x)[0].tolist() for _ in range(3)]
    torch.testing.assert_close(torch.tensor(arrived), torch.tensor([[3.0, 0, 0, 0], [0, 4.0, 0, 0], [6.0, 0, 0, 0]]))


def test_no_decay_left_and_evaluation_are_the_codec_alone() -> None:
    inner = TopK(CUT, rate=0.1)
    for codec in (Feedback(CUT, codec=inner, decay=0.0), Feedback(CUT, codec=inner).eval()):
        for step in range(3):
            x = normal(3, 5, 8, seed=step)
            assert torch.equal(through(codec, x), through(inner, x))


def test_residuals_belong_to_places_in_the_batch() -> None:
    """A short batch uses and renews the first residuals only; a longer one starts with zeros behind."""
    codec = Feedback(CUT, codec=TopK(CUT, rate=0.1))
    through(codec, normal(3, 5, 8))
    before = codec.get_extra_state().clone()
    x = normal(1, 5, 8, seed=1)
    arrived = through(codec, x)
    torch.testing.assert_close(codec.get_extra_state()[:1], x + before[:1] - arrived)
    assert torch.equal(codec.get_extra_state()[1:], before[1:])
    x, before = normal(4, 5, 8, seed=2), codec.get_extra_state().clone()
    arrived = through(codec, x)
    torch.testing.assert_close(codec.get_extra_state()[3], x[3] - arrived[3])
    torch.testing.assert_close(codec.get_extra_state()[:3], x[:3] + before - arrived[:3])


def test_evaluation_leaves_residuals_alone() -> None:
    codec = Feedback(CUT, codec=TopK(CUT, rate=0.1))
    through(codec, normal(3, 5, 8))
    before = codec.get_extra_state().clone()
    through(codec.eval(), normal(3, 5, 8, seed=1))
    assert torch.equal(codec.get_extra_state(), before)


def test_the_state_survives() -> None:
    codec, restored = (Feedback(CUT, codec=TopK(CUT, rate=0.1)) for _ in range(2))
    through(codec, normal(3, 5, 8))
    restored.load_state_dict({name: value.clone() for name, value in codec.state_dict().items()})
    x = normal(3, 5, 8, seed=1)
    assert torch.equal(through(codec, x), through(restored, x))


def test_the_gradient_is_the_codecs() -> None:
    """The residual is a constant of the step: the mask of the corrected values, nothing else."""
    codec = Feedback(CUT, codec=TopK(CUT, rate=0.1))
    through(codec, normal(3, 5, 8))
    x = normal(3, 5, 8, seed=1).requires_grad_()
    payload = codec.encode(Smashed(x), Generator())
    assert payload.handle is not None
    torch.autograd.backward(payload.handle, torch.ones_like(payload.handle))
    mask = torch.zeros(3, 40, dtype=torch.float64).scatter(1, payload.tensors["indices"], 1.0)
    assert x.grad is not None
    assert torch.equal(x.grad, mask.view(3, 5, 8))


@pytest.mark.parametrize(
    ("inner", "message"),
    [
        (ADC(CUT, xi=0.5), "value codecs only"),
        (C3SL(CUT, R=2), "value codecs only"),
        (BottleNet(CUT, xi=0.5), "value codecs only"),
        (TopK(Cut((40,)), rate=0.1), "was built for"),
    ],
)
def test_codecs_that_have_no_residual_are_refused(inner: Codec, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Feedback(CUT, codec=inner)


def test_decay_has_a_range() -> None:
    with pytest.raises(ValueError, match=r"decay must lie in \[0, 1\]"):
        Feedback(CUT, codec=TopK(CUT, rate=0.1), decay=1.5)
