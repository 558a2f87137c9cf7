"""Real CIFAR-100 pictures and published DeiT-T weights: a short run over ADC messages learns."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgesim.codecs.adc import ADC
from edgesim.codecs.base import Codec, Cut
from edgesim.codecs.exchange import Exchange
from edgesim.codecs.identity import Identity
from edgesim.learn.augment.adc_official import AdcOfficial
from edgesim.learn.batches import Batches
from edgesim.learn.data.folder import Folder
from edgesim.learn.evaluate import Evaluator
from edgesim.learn.flops import Costs
from edgesim.learn.halves import TorchClient, TorchServer
from edgesim.learn.models.vit import Vit
from edgesim.learn.optimisers.adam import Adam
from edgesim.learn.pipeline import Plain

CLASSES = range(0, 100, 10)
BATCH, STEPS = 32, 90  # under three passes over 1000 pictures


@pytest.mark.slow
@pytest.mark.parametrize(
    ("codec", "floor"), [(lambda cut: ADC(cut, xi=0.2, init="kmeans++"), 0.4), (Identity, 0.65)], ids=["adc", "base"]
)
def test_deit_tiny_learns_ten_classes_at_96_pixels(
    codec: Callable[[Cut], Codec], floor: float, cifar_tree: Callable[..., Path], deit_weights: Path
) -> None:
    data = Folder(root=str(cifar_tree(CLASSES, train=100, test=30)))
    facts, train = data.facts(), data.train()
    model = Vit(name="deit_tiny_patch16_224", cut=3, weights=str(deit_weights), image_size=96)
    geometry, view = model.geometry(facts), model.view(facts)
    cut = Cut((geometry.tokens, geometry.width), facts.classes)
    up = codec(cut)
    exchange = Exchange(cut, up, Identity(Cut(up.item)))
    costs = Costs(model, facts, with_attention=up.needs_attention)
    client_part, server_part = model.build(facts, 0, "cpu")
    batches = Batches(train, np.arange(len(train)), BATCH, AdcOfficial().pipeline(view), seed=0)
    client = TorchClient(client_part, exchange, Adam(lr=1e-4), batches, costs, seed=0)
    server = TorchServer(server_part, exchange, Adam(lr=1e-4), costs, BATCH, seed=0)
    evaluator = Evaluator(client_part, server_part, exchange, data.test(), Plain(view), batch=100)
    before = evaluator.run().accuracy
    for _ in range(STEPS):
        answer = server.step([client.encode(client.forward().value).value]).value
        client.backward(answer.gradients[0])
    after = evaluator.run().accuracy
    assert before < 0.3  # ten classes: chance is 0.1
    assert after >= floor
