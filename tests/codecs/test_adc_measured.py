"""ADC beyond the paper: clusters by where the model looks, and a split that is measured."""

from typing import Any

import pytest
import torch
from torch import Generator, Tensor
from torch.nn.functional import one_hot, softmax

from edgesim.codecs.adc import ADC
from edgesim.codecs.base import Cut
from edgesim.wire import Payload, Smashed

TOY = Cut((9, 6), classes=4)
LABELS = ["sizes", "assignment", "dense"]


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def scattered(count: int, seed: int = 1) -> Tensor:
    """Every sample looks at patch 1 and has its own noise: all differ, and one patch is enough."""
    noise = torch.rand(count, 9, generator=seeded(seed))
    noise[:, 1] += 100.0
    return noise / noise.sum(1, keepdim=True)


def grouped(count: int) -> Tensor:
    """Two groups that look almost everywhere: two clusters are enough, and every token counts."""
    group = torch.arange(count) % 2
    return softmax(0.1 * one_hot(1 + group, 9).float(), -1)


def batch_of(attention: Tensor, seed: int = 2) -> Smashed:
    count = len(attention)
    x = torch.randn(count, *TOY.item, generator=seeded(seed), dtype=torch.float64).requires_grad_()
    return Smashed(x, torch.arange(count) % TOY.classes, attention.double())


def with_share(patches: Tensor, own: Tensor) -> Tensor:
    """Attention rows of which `own` [B] goes to the class token itself and the rest to `patches` [B, n - 1]."""
    return torch.cat([own[:, None], (1 - own)[:, None] * patches], 1)


# -- key: patch_score --------------------------------------------------------------------------------------------------


def test_patch_score_clusters_by_where_the_model_looks() -> None:
    """Samples 0, 1 look left and 2, 3 look right; 0, 2 look mostly at themselves. The paper's key merges 0, 2 and 1, 3."""
    left, right = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]])
    attention = with_share(torch.stack([left, left, right, right]), torch.tensor([0.95, 0.3, 0.95, 0.3]))
    smashed = Smashed(torch.randn(4, 4, 6, generator=seeded()), torch.arange(4), attention)
    found = {}
    for key in ("cls_score", "patch_score"):
        codec = ADC(Cut((4, 6), classes=4), T=2, k=2, key=key, init="kmeans++")  # type: ignore[arg-type]  # a key
        kept = codec.encode(smashed, seeded()).kept
        found[key] = {tuple((kept["assignment"] == cluster).nonzero().flatten().tolist()) for cluster in (0, 1)}
        if key == "patch_score":
            best = {int(cluster): positions for cluster, positions in enumerate(kept["positions"].tolist())}
            assert best[int(kept["assignment"][0])] == [0, 1]
            assert best[int(kept["assignment"][2])] == [0, 3]
    assert found == {"cls_score": {(0, 2), (1, 3)}, "patch_score": {(0, 1), (2, 3)}}


@pytest.mark.parametrize("select", ["mean_score", "centroid"])
@pytest.mark.parametrize("split", ["sqrt", "measured"])
def test_patch_score_does_not_see_the_attention_to_itself(select: Any, split: Any) -> None:
    """Powers of two scale exactly, so nothing at all may change; the paper's key does change."""
    patches = softmax(2 * torch.randn(20, 8, generator=seeded(3), dtype=torch.float64), -1)
    own = 1.0 - 0.5 ** torch.randint(1, 6, (20,), generator=seeded(4)).double()
    some, other = with_share(patches, own), with_share(patches, own.flip(0))
    for key in ("patch_score", "cls_score"):
        codec = ADC(TOY, xi=0.3, key=key, select=select, split=split)  # type: ignore[arg-type]  # a key
        one, two = (codec.encode(batch_of(rows), seeded()).kept for rows in (some, other))
        same = torch.equal(one["assignment"], two["assignment"]) and torch.equal(one["positions"], two["positions"])
        assert same == (key == "patch_score")


# -- split: measured ---------------------------------------------------------------------------------------------------


def test_the_batch_decides() -> None:
    """xi = 1/4 of 16 x 9 is 36 token rows: 16 x 2, 12 x 3, 9 x 4, 7 x 5 or 6 x 6."""
    codec = ADC(TOY, xi=0.25, split="measured", init="kmeans++")
    assert codec.pairs(16) == ((16, 2), (12, 3), (9, 4), (7, 5), (6, 6))
    assert codec.encode(batch_of(scattered(16)), seeded()).kept["positions"].shape == (16, 2)
    assert codec.encode(batch_of(grouped(16)), seeded()).kept["positions"].shape == (2, 6)  # only two samples differ


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("make", [scattered, grouped])
def test_the_message_has_one_size_whatever_was_chosen(labels: Any, make: Any) -> None:
    codec = ADC(TOY, xi=0.25, split="measured", labels=labels)
    payload, announced = codec.encode(batch_of(make(16)), seeded()), codec.manifest(16)
    assert payload.manifest.by_role["values"] == announced.by_role["values"] == 36 * 6 * 32
    assert codec.fixed_size == (labels != "dense")
    if codec.fixed_size:
        assert payload.manifest == announced
    assert payload.manifest.bits <= announced.bits
    assert announced.paper_bits == pytest.approx(TOY.base_bits(16) * 36 / (16 * 9))
    for item in payload.manifest.fields:
        assert payload.tensors[item.name].shape == item.shape
        if item.role == "side":
            assert int(payload.tensors[item.name].max()) < 2**item.bits_each


@pytest.mark.parametrize("loss_weight", ["cluster", "size"])
@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("make", [scattered, grouped])
@pytest.mark.parametrize("count", [16, 5, 1])
def test_the_server_gets_the_merged_samples_from_the_message_alone(
    labels: Any, loss_weight: Any, make: Any, count: int
) -> None:
    codec, smashed = (
        ADC(TOY, xi=0.25, split="measured", labels=labels, loss_weight=loss_weight),
        batch_of(make(count)),
    )
    payload = codec.encode(smashed, seeded())
    arrived = Payload(payload.manifest, {item.name: payload.tensors[item.name].clone() for item in payload.manifest.fields})
    there = ADC(TOY, xi=0.25, split="measured", labels=labels, loss_weight=loss_weight).decode(arrived)
    assignment, positions = payload.kept["assignment"], payload.kept["positions"]
    hard = one_hot(torch.arange(count) % TOY.classes, TOY.classes).float()
    assert there.x.shape == (*positions.shape, 6)
    for cluster, kept in enumerate(positions):
        members = assignment == cluster
        torch.testing.assert_close(there.x[cluster], smashed.x.detach()[members].mean(0)[kept])
        assert there.labels is not None
        torch.testing.assert_close(there.labels[cluster], hard[members].mean(0))
        if there.weight is not None:
            torch.testing.assert_close(there.weight[cluster], members.float().mean())
    assert codec.spread(torch.arange(len(there.x)), payload).tolist() == assignment.tolist()


def test_the_adjoint_is_that_of_a_fixed_split() -> None:
    """G_b[j] = g_a(b)[pos(j)] / |C_a(b)| at the tokens kept, 0 elsewhere; the zeros that fill the message up carry none."""
    smashed = batch_of(scattered(16))
    payload = ADC(TOY, xi=0.1, split="measured").encode(smashed, seeded())
    assignment, positions = payload.kept["assignment"], payload.kept["positions"]
    clusters, k = positions.shape
    assert payload.handle is not None
    assert payload.handle.shape == (14, 6)
    assert clusters * k <= 14
    g = torch.randn(14, 6, generator=seeded(5), dtype=torch.float64)
    torch.autograd.backward(payload.handle, g)
    expected = torch.zeros(16, 9, 6, dtype=torch.float64)
    for sample, cluster in enumerate(assignment.tolist()):
        for place, position in enumerate(positions[cluster].tolist()):
            expected[sample, position] = g[cluster * k + place] / int((assignment == cluster).sum())
    torch.testing.assert_close(smashed.x.grad, expected, rtol=1e-14, atol=1e-14)


def test_the_server_is_charged_for_more_than_any_pair_costs_it() -> None:
    """In a block the work of T rows of k tokens is T k a + T k^2 b, for any a and b."""
    codec = ADC(Cut((197, 192), classes=100), xi=0.1, split="measured")
    rows, tokens, _width = codec.decoded(128)
    for clusters, k in codec.pairs(128):
        assert clusters * k <= rows * tokens
        assert clusters * k**2 <= rows * tokens**2


def test_measuring_costs_the_clusterings_of_every_pair() -> None:
    cut = Cut((197, 192), classes=100)
    measured = ADC(cut, xi=0.1, split="measured")
    each = sum(ADC(cut, T=clusters, k=k).flops(128)[0] for clusters, k in measured.pairs(128))
    assert 0.9 * each < measured.flops(128)[0] < each


def test_wrong_numbers_do_not_stop_the_receiver() -> None:
    """With `protect_side: false` bit errors hit side information too."""
    codec = ADC(TOY, xi=0.25, split="measured", labels="assignment")
    payload = codec.encode(batch_of(scattered(16)), seeded())
    payload.tensors |= {"sent": torch.tensor([31]), "kept": torch.tensor([0])}
    assert codec.decode(payload.departed()).x.shape[1:] == (1, 6)


def test_measured_needs_a_ratio() -> None:
    with pytest.raises(ValueError, match="give either xi, or both T and k"):
        ADC(TOY, T=4, k=3, split="measured")
