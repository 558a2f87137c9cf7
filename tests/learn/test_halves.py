"""Two halves that meet at the wire learn what one model would, and answer for every step they take."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from edgesim.codecs.adc import ADC
from edgesim.codecs.base import Codec, Cut
from edgesim.codecs.chain import Chain
from edgesim.codecs.exchange import Exchange
from edgesim.codecs.identity import Identity
from edgesim.codecs.quantise import Quantise
from edgesim.codecs.topk import TopK
from edgesim.learn import tiny
from edgesim.learn.augment.base import Augment
from edgesim.learn.augment.deit import Deit
from edgesim.learn.augment.flip import Flip
from edgesim.learn.augment.none import NoAugment
from edgesim.learn.batches import Batches
from edgesim.learn.data.base import Data
from edgesim.learn.data.digits import Digits
from edgesim.learn.data.synthetic import Synthetic
from edgesim.learn.flops import Costs
from edgesim.learn.halves import TorchClient, TorchServer
from edgesim.learn.models.vit import Vit
from edgesim.learn.optimisers.adam import Adam
from edgesim.learn.phantom import PhantomClient, PhantomServer
from edgesim.wire import Manifest, Payload

BATCH = 16
Up = Callable[[Cut], Codec]


TINY = Vit(name="tiny_digits", cut=2)


@cache
def counted(model: Vit, data: type[Data], with_attention: bool) -> Costs:
    """Counting takes longer than learning such a model: once is enough."""
    return Costs(model, data().facts(), with_attention=with_attention)


class World:
    """Everything one client and the server need, on digits unless said otherwise."""

    def __init__(
        self,
        up: Up = Identity,
        data: Data | None = None,
        model: Vit | None = None,
        augment: Augment | None = None,
        seed: int = 0,
    ) -> None:
        data, self.model = data or Digits(), model or TINY
        facts, augment = data.facts(), augment or NoAugment()
        geometry, self.view = self.model.geometry(facts), self.model.view(facts)
        cut = Cut((geometry.tokens, geometry.width), facts.classes, soft_labels=augment.soft_labels)
        codec = up(cut)
        self.exchange = Exchange(cut, codec, Identity(Cut(codec.item)))
        self.costs = counted(self.model, type(data), codec.needs_attention)
        self.facts, self.data, self.seed, self.pipeline = facts, data, seed, augment.pipeline(self.view)
        parts = self.model.build(facts, seed, "cpu")
        self.client = TorchClient(parts[0], self.exchange, Adam(), self.batches(), self.costs, seed=seed)
        self.server = TorchServer(parts[1], self.exchange, Adam(), self.costs, BATCH, seed=seed)

    def batches(self, client: int = 0) -> Batches:
        train = self.data.train()
        return Batches(train, np.arange(len(train)), BATCH, self.pipeline, seed=self.seed, client=client)

    def step(self) -> float:
        payload = self.client.encode(self.client.forward().value).value
        answer = self.server.step([payload]).value
        self.client.backward(answer.gradients[0])
        return float(answer.loss)

    def weights(self) -> dict[str, Tensor]:
        parts = (self.client.part, self.server.part)
        return {name.removeprefix("vit."): value.clone() for part in parts for name, value in part.state_dict().items()}


def adc_and_codes(cut: Cut) -> Codec:
    adc = ADC(cut, xi=0.3)
    return Chain(cut, stages=[adc, Quantise(Cut(adc.item), bits=8)])


CODECS: dict[str, Up] = {
    "identity": Identity,
    "adc": lambda cut: ADC(cut, xi=0.3),
    "adc by size": lambda cut: ADC(cut, xi=0.3, loss_weight="size"),
    "topk": lambda cut: TopK(cut, rate=0.1),
    "quantise": lambda cut: Quantise(cut, bits=8),
    "chain": adc_and_codes,
}


def assert_same(left: dict[str, Tensor], right: dict[str, Tensor]) -> None:
    assert left.keys() == right.keys()
    assert [name for name in left if not torch.equal(left[name], right[name])] == []


# -- oracle 1 -----------------------------------------------------------------------------------------------------------


def whole(world: World, name: str) -> nn.Module:
    """The model that was never cut, from the same seed."""
    with torch.random.fork_rng():
        torch.manual_seed(world.seed)
        if name == "tiny_digits":
            return tiny.create(None, num_classes=world.facts.classes, in_chans=world.facts.channels)
        return timm.create_model(name, num_classes=world.facts.classes, img_size=world.view.image_size)


@pytest.mark.parametrize(
    ("name", "data", "augment"),
    [
        ("tiny_digits", Digits(), NoAugment()),
        ("tiny_digits", Digits(), Flip()),
        ("tiny_digits", Digits(), Deit()),
        ("deit_tiny_patch16_224", Synthetic(train=64, test=8), NoAugment()),
    ],
    ids=["tiny", "tiny flipped", "tiny soft labels", "deit"],
)
def test_base_over_messages_is_monolithic_training_bit_for_bit(name: str, data: Data, augment: Augment) -> None:
    """compression.md 2.1 and oracle 1: one model, one optimiser, the same batches."""
    model = TINY if name == "tiny_digits" else Vit(name=name, cut=2, image_size=32)
    world = World(data=data, model=model, augment=augment)
    one = whole(world, name)
    optimiser = torch.optim.Adam(one.parameters(), lr=1e-3, fused=True)
    batches = world.batches()
    assert_same(world.weights(), one.state_dict())
    for _ in range(4):
        images, labels = batches.next()
        loss = cross_entropy(one(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        assert world.step() == float(loss.detach())
    assert_same(world.weights(), one.state_dict())


def test_the_graph_ends_at_the_wire() -> None:
    world = World()
    sent = world.client.encode(world.client.forward().value).value
    assert not any(tensor.requires_grad for tensor in sent.tensors.values())
    assert sent.handle is None
    assert sent.kept == {}
    answer = world.server.step([sent]).value
    assert not answer.loss.requires_grad
    assert not any(tensor.requires_grad for tensor in answer.gradients[0].tensors.values())


# -- the phantom twin ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CODECS)
def test_phantom_halves_say_what_torch_halves_do(name: str) -> None:
    world = World(CODECS[name])
    client, server = PhantomClient(world.exchange, world.costs, BATCH), PhantomServer(world.exchange, world.costs, BATCH)
    for _ in range(2):
        forward, seen = world.client.forward(), client.forward()
        assert forward.flops == seen.flops > 0
        sent, told = world.client.encode(forward.value), client.encode(seen.value)
        assert sent.flops == told.flops
        assert sent.value.manifest == told.value
        step, answer = world.server.step([sent.value]), server.step([told.value])
        assert step.flops == answer.flops > 0
        assert [payload.manifest for payload in step.value.gradients] == answer.value.gradients
        back, ended = world.client.backward(step.value.gradients[0]), client.backward(answer.value.gradients[0])
        assert back.flops == ended.flops > 0
    assert server.step([told.value] * 3).flops == 3 * answer.flops
    client.restore(client.state())
    server.restore(server.state())


def test_flops_of_base_are_those_of_the_whole_model() -> None:
    """Three times the forward pass, less the gradient with respect to the pictures (compression.md 1.1)."""
    world = World()
    sent = world.client.encode(world.client.forward().value)
    step = world.server.step([sent.value])
    back = world.client.backward(step.value.gradients[0])
    n, d, depth, embed = 17, 48, 4, 2 * 16 * 4 * 48
    block = 16 * n * d**2 + 4 * n**2 * d  # MLP ratio 2: 8 d^2 less than with 4
    sample = 3 * (depth * block + 2 * d * 10) + 2 * embed
    assert step.flops + back.flops + BATCH * world.costs.client_forward == BATCH * sample


def test_adc_shrinks_the_servers_work_in_samples_and_tokens() -> None:
    base, adc = World(), World(lambda cut: ADC(cut, T=4, k=5))
    flops = [world.server.step([world.client.encode(world.client.forward().value).value]).flops for world in (base, adc)]
    assert flops[1] == 4 * sum(adc.costs.server(5)) + sum(adc.exchange.flops(BATCH)[1:3])
    assert flops[1] < 0.1 * flops[0]


# -- messages made by hand -----------------------------------------------------------------------------------------------


def payload(x: Tensor, labels: Tensor, manifest: Manifest) -> Payload:
    return Payload(manifest, {"values": x, "labels": labels})


def arrivals(world: World, count: int) -> list[Payload]:
    generator = torch.Generator().manual_seed(1)
    manifest = world.exchange.up_manifest(BATCH)
    return [
        payload(torch.randn(BATCH, 17, 48, generator=generator), torch.randint(10, (BATCH,), generator=generator), manifest)
        for _ in range(count)
    ]


# -- misuse -------------------------------------------------------------------------------------------------------------


def test_a_gradient_of_another_shape_is_an_error() -> None:
    world = World()
    sent = world.client.encode(world.client.forward().value).value
    gradient = world.server.step([sent]).value.gradients[0]
    wrong = Payload(gradient.manifest, {"values": gradient.tensors["values"][:, :5]})
    with pytest.raises(ValueError, match=r"shape \(16, 5, 48\), but \(16, 17, 48\) was sent"):
        world.client.backward(wrong)


def test_messages_without_tensors_are_refused() -> None:
    world = World()
    manifest = world.exchange.up_manifest(BATCH)
    with pytest.raises(ValueError, match="timing-only client"):
        world.server.step([manifest])
    gradient = world.server.step(arrivals(world, 1)).value.gradients[0]
    with pytest.raises(ValueError, match="before anything was sent"):
        world.client.backward(gradient)
    world.client.encode(world.client.forward().value)
    with pytest.raises(ValueError, match="timing-only server"):
        world.client.backward(manifest)


# -- seeds and restarts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CODECS)
def test_resumed_training_is_the_same_training(name: str, tmp_path: Path) -> None:
    world = World(CODECS[name], augment=Flip())
    for _ in range(3):
        world.step()
    torch.save({"client": world.client.state(), "server": world.server.state()}, tmp_path / "state.pth")
    losses, weights = [world.step() for _ in range(3)], world.weights()
    resumed = World(CODECS[name], augment=Flip())
    stored = torch.load(tmp_path / "state.pth", weights_only=True)
    resumed.client.restore(stored["client"])
    resumed.server.restore(stored["server"])
    assert [resumed.step() for _ in range(3)] == losses
    assert_same(resumed.weights(), weights)


def test_halves_that_share_a_state_go_their_own_ways() -> None:
    world, other = World(), World()
    world.step()
    other.client.restore(world.client.state())
    other.server.restore(world.server.state())
    first = world.weights()
    world.step()
    assert_same(other.weights(), first)
    other.step()
    assert_same(other.weights(), world.weights())


def test_same_seed_same_losses_and_no_global_generator() -> None:
    torch.manual_seed(0)
    first = World(CODECS["adc"])
    losses = [first.step() for _ in range(3)]
    torch.manual_seed(1)
    before = torch.get_rng_state()
    second, other = World(CODECS["adc"]), World(CODECS["adc"], seed=1)
    assert [second.step() for _ in range(3)] == losses
    assert [other.step() for _ in range(3)] != losses
    assert torch.equal(torch.get_rng_state(), before)
