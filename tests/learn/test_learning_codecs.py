"""Codecs that learn: each end where it lives."""

import torch
from torch import Generator, Tensor, nn

from edgesim.codecs.base import Codec, Cut, Ratios
from edgesim.codecs.chain import Chain
from edgesim.codecs.quantise import Quantise
from edgesim.learn.halves import parameters_of, state_of
from edgesim.wire import Field, Manifest, Payload, Smashed
from tests.learn.test_halves import World


class Bottleneck(Codec):
    """A trainable codec: a linear map on either side."""

    def __init__(self, cut: Cut) -> None:
        super().__init__(cut)
        width = cut.item[-1]
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.client, self.server = nn.Linear(width, 4), nn.Linear(4, width)

    @property
    def item(self) -> tuple[int, ...]:
        return (self.cut.item[0], 4)

    def manifest(self, batch: int) -> Manifest:
        return Manifest((Field("values", (batch, *self.item), 32, "values", True), *self.cut.label_fields(batch)))

    def ratios(self, batch: int) -> Ratios:
        return Ratios(0.1, 0.1, 0.1, 0.1)

    def flops(self, batch: int) -> tuple[float, float]:
        return 1.0, 2.0

    def encode(self, smashed: Smashed, generator: Generator) -> Payload:
        wire = self.client(smashed.x)
        return Payload(self.manifest(len(wire)), {"values": wire.detach(), **self.cut.label_tensors(smashed.labels)}, wire)

    def expand(self, wire: Tensor, payload: Payload) -> Smashed:
        return Smashed(self.server(wire), payload.tensors["labels"])


def test_each_end_of_a_codec_learns_where_it_lives() -> None:
    world = World(Bottleneck)
    codec = world.exchange.up
    assert isinstance(codec, Bottleneck)
    before = {name: value.clone() for name, value in codec.state_dict().items()}
    sent = world.client.encode(world.client.forward().value).value
    gradient = world.server.step([sent]).value.gradients[0]
    changed = {name for name, value in codec.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"server.weight", "server.bias"}
    world.client.backward(gradient)
    changed = {name for name, value in codec.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == set(before)
    assert set(world.client.state()["codec"]) == {"client.weight", "client.bias"}
    assert set(world.server.state()["codec"]) == {"server.weight", "server.bias"}


def test_ends_are_found_inside_a_chain() -> None:
    cut = Cut((17, 48), 10)
    inner = Bottleneck(cut)
    chain = Chain(cut, stages=[inner, Quantise(Cut(inner.item), bits=8)])
    assert [id(p) for p in parameters_of(chain, "client")] == [id(p) for p in inner.client.parameters()]
    assert [id(p) for p in parameters_of(chain, "server")] == [id(p) for p in inner.server.parameters()]
    assert set(state_of(chain, "server")) == {"stages.0.server.weight", "stages.0.server.bias"}
