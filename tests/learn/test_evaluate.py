"""The test set is looked at whole, every sample counting once, and the look leaves no trace."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from edgesim.codecs.adc import ADC
from edgesim.codecs.base import Cut
from edgesim.codecs.exchange import Exchange
from edgesim.codecs.identity import Identity
from edgesim.learn.data.digits import Digits
from edgesim.learn.evaluate import Evaluator
from edgesim.learn.models.base import ClientPart, ServerPart
from edgesim.learn.models.vit import Vit
from edgesim.learn.pipeline import Plain

MODEL, FACTS = Vit(name="tiny_digits", cut=2), Digits().facts()
VIEW, CUT = MODEL.view(FACTS), Cut((17, 48), 10)
TEST = Digits().test()


def base(cut: Cut = CUT) -> Exchange:
    return Exchange(cut, Identity(cut), Identity(Cut(cut.item)))


def adc(**knobs: float) -> Exchange:
    codec = ADC(CUT, **knobs)
    return Exchange(CUT, codec, Identity(Cut(codec.item)))


def parts() -> tuple[ClientPart, ServerPart]:
    client, server = MODEL.build(FACTS, 0, "cpu")
    torch.nn.init.normal_(server.vit.head.weight, generator=torch.Generator().manual_seed(0))
    return client, server


def logits(client: ClientPart, server: ServerPart) -> tuple[Tensor, Tensor]:
    pixels, labels = Plain(VIEW)(TEST, np.arange(360), 0)
    with torch.no_grad():
        return server(client(pixels)[0]), labels


def test_score_of_the_whole_set_beside_the_mean_of_batches() -> None:
    client, server = parts()
    outputs, labels = logits(client, server)
    right = (outputs.argmax(1) == labels).double()
    score = Evaluator(client, server, base(), TEST, Plain(VIEW), batch=100).run()
    assert score.samples == 360
    assert score.accuracy == pytest.approx(float(right.mean()), abs=1e-12)
    batches = [float(right[first : first + 100].mean()) for first in (0, 100, 200, 300)]  # the last has 60 samples
    assert score.accuracy_batch_mean == pytest.approx(float(np.mean(batches)), abs=1e-12)
    assert score.accuracy != score.accuracy_batch_mean
    assert score.loss == pytest.approx(float(cross_entropy(outputs, labels)), rel=1e-5)
    assert score.bits == 360 * 17 * 48 * 32  # no labels


def test_score_does_not_depend_on_the_batch_size() -> None:
    client, server = parts()
    scores = [Evaluator(client, server, base(), TEST, Plain(VIEW), batch=size).run() for size in (7, 90, 360)]
    assert len({score.accuracy for score in scores}) == 1
    assert len({score.bits for score in scores}) == 1


def test_codec_off_is_the_default_and_crossing_is_uncompressed() -> None:
    client, server = parts()
    plain = Evaluator(client, server, base(), TEST, Plain(VIEW), batch=90).run()
    assert Evaluator(client, server, adc(xi=0.1), TEST, Plain(VIEW), batch=90).run() == plain


def test_codec_on_spreads_merged_outputs_over_the_samples() -> None:
    """With nothing merged and nothing dropped, compression changes nothing but the order of tokens."""
    client, server = parts()
    plain = Evaluator(client, server, base(), TEST, Plain(VIEW), batch=90).run()
    whole = Evaluator(client, server, adc(T=90, k=17), TEST, Plain(VIEW), batch=90, codec=True).run()
    assert whole.accuracy == plain.accuracy
    assert whole.loss == pytest.approx(plain.loss, rel=1e-5)
    squeezed = Evaluator(client, server, adc(T=30, k=9), TEST, Plain(VIEW), batch=90, codec=True).run()
    assert squeezed.loss != pytest.approx(plain.loss, rel=1e-3)
    assert squeezed.samples == 360
    sizes = 30 * 7  # ceil(log2 91) bits a cluster
    assert squeezed.bits <= 4 * (30 * 9 * 48 * 32 + sizes)
    assert squeezed.bits > 0.9 * 4 * 30 * 9 * 48 * 32
    assert squeezed == Evaluator(client, server, adc(T=30, k=9), TEST, Plain(VIEW), batch=90, codec=True).run()


def test_a_look_leaves_no_trace() -> None:
    client, server = parts()
    exchange = adc(xi=0.2)
    client.train()
    server.eval()
    client.with_attention = True
    before = torch.get_rng_state()
    Evaluator(client, server, exchange, TEST, Plain(VIEW), batch=90, codec=True).run()
    assert client.training
    assert exchange.up.training
    assert not server.training
    assert client.with_attention
    assert torch.equal(torch.get_rng_state(), before)
    assert all(parameter.grad is None for parameter in [*client.parameters(), *server.parameters()])


def test_batch_must_be_positive() -> None:
    client, server = parts()
    with pytest.raises(ValueError, match="batch must be at least 1, got 0"):
        Evaluator(client, server, base(), TEST, Plain(VIEW), batch=0)
