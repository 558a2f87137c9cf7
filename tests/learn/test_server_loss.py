"""What the server's loss is of many arrivals."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from edgesim.codecs.adc import ADC
from edgesim.wire import Payload
from tests.learn.test_halves import World, arrivals


def test_many_arrivals_are_one_mean_over_all_rows() -> None:
    """compression.md 4.5: each client gets its slice of the gradient of the joint mean."""
    world, sent = World(), arrivals(World(), 3)
    x = torch.cat([one.tensors["values"] for one in sent]).requires_grad_()
    loss = cross_entropy(world.server.part(x), torch.cat([one.tensors["labels"] for one in sent]))
    loss.backward()
    world.server.part.zero_grad()
    answer = world.server.step(sent).value
    assert float(answer.loss) == float(loss.detach())
    got = torch.cat([gradient.tensors["values"] for gradient in answer.gradients])
    assert torch.equal(got, x.grad)


def test_arrivals_of_different_token_counts_share_by_rows() -> None:
    world, sent = World(), arrivals(World(), 2)
    short = Payload(sent[1].manifest, {"values": sent[1].tensors["values"][:8, :9], "labels": sent[1].tensors["labels"][:8]})
    first = world.server.part(sent[0].tensors["values"])
    second = world.server.part(short.tensors["values"])
    losses = torch.cat(
        [cross_entropy(y, p.tensors["labels"], reduction="none") for y, p in ((first, sent[0]), (second, short))]
    ).detach()
    answer = world.server.step([sent[0], short]).value
    assert float(answer.loss) == pytest.approx(float(losses.mean()), rel=1e-6)
    assert [tuple(g.tensors["values"].shape) for g in answer.gradients] == [(16, 17, 48), (8, 9, 48)]


def test_size_weights_of_merged_samples_weigh_every_sample_alike() -> None:
    """compression.md 2.2.4: with |C_i|/B every original sample weighs 1/B, also among several arrivals."""
    world = World(lambda cut: ADC(cut, xi=0.3, loss_weight="size"))
    sent = [world.client.encode(world.client.forward().value).value for _ in range(2)]
    decoded = [world.exchange.up.decode(one) for one in sent]
    with torch.no_grad():
        losses = [cross_entropy(world.server.part(s.x), s.labels, reduction="none") @ s.weight for s in decoded]
    wanted = torch.stack(losses).mean()
    assert float(world.server.step(sent).value.loss) == pytest.approx(float(wanted), rel=1e-6)
    assert all(float(s.weight.sum()) == pytest.approx(1.0) for s in decoded)


def test_labels_must_arrive() -> None:
    world, sent = World(), arrivals(World(), 1)
    with pytest.raises(ValueError, match="arrived without labels"):
        world.server.step([Payload(sent[0].manifest, {"values": sent[0].tensors["values"]})])
