"""ADC: the closed-form adjoint, the limits in which it is Base, labels, selection, edge cases of compression.md 2.2.8."""

from typing import Any

import pytest
import torch
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy, one_hot, softmax

from edgesim.codecs.adc import ADC
from edgesim.codecs.base import Cut
from edgesim.codecs.identity import Identity
from edgesim.errors import RunError
from edgesim.wire import Payload, Smashed

TOY = Cut((9, 6), classes=4)


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def batch_of(count: int, cut: Cut = TOY, dtype: torch.dtype = torch.float32, seed: int = 1) -> Smashed:
    generator = seeded(seed)
    x = torch.randn(count, *cut.item, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()
    attention = softmax(2 * torch.randn(count, cut.item[0], generator=generator, dtype=torch.float64), -1).to(dtype)
    return Smashed(x, torch.randint(cut.classes, (count,), generator=generator), attention)


def groups_of(payload: Payload) -> list[list[int]]:
    """Samples of each cluster, from what the client keeps."""
    assignment = payload.kept["assignment"].tolist()
    return [[sample for sample, own in enumerate(assignment) if own == cluster] for cluster in range(max(assignment) + 1)]


def given(smashed: Smashed) -> tuple[Tensor, Tensor]:
    """Labels and attention, which these tests always give."""
    assert smashed.labels is not None
    assert smashed.attention is not None
    return smashed.labels, smashed.attention


@pytest.mark.parametrize("key", ["cls_score", "cls_token", "avg_token"])
def test_adjoint_is_the_closed_form(key: Any) -> None:
    """compression.md 2.2.5: G_b[j] = g_a(b)[pos(j)] / |C_a(b)| at the tokens kept, 0 elsewhere. And F itself, by loops."""
    smashed = batch_of(14, dtype=torch.float64)
    payload = ADC(TOY, T=5, k=4, key=key).encode(smashed, seeded())
    g = torch.randn(5, 4, 6, generator=seeded(2), dtype=torch.float64)
    assert payload.handle is not None
    torch.autograd.backward(payload.handle, g)
    merged, expected = torch.zeros(5, 4, 6, dtype=torch.float64), torch.zeros(14, 9, 6, dtype=torch.float64)
    for cluster, members in enumerate(groups_of(payload)):
        for place, position in enumerate(payload.kept["positions"][cluster].tolist()):
            for sample in members:
                merged[cluster, place] += smashed.x.detach()[sample, position] / len(members)
                expected[sample, position] = g[cluster, place] / len(members)
    torch.testing.assert_close(payload.handle.detach(), merged, rtol=1e-14, atol=1e-14)
    torch.testing.assert_close(smashed.x.grad, expected, rtol=1e-14, atol=1e-14)


def test_everything_kept_is_base() -> None:
    """T = B and k = n send exactly the activations; the loss by size is the mean over samples, bit for bit."""
    smashed = batch_of(8)
    labels, _ = given(smashed)
    codec = ADC(TOY, xi=1.0, loss_weight="size")
    payload = codec.encode(smashed, seeded())
    there = codec.decode(payload.departed())
    assert torch.equal(there.x, smashed.x)
    assert there.labels is not None
    assert torch.equal(there.labels, one_hot(labels, 4).float())
    assert there.weight is not None
    assert torch.equal(there.weight, torch.full((8,), 1 / 8))
    assert payload.manifest.by_role["values"] == Identity(TOY).manifest(8).by_role["values"]
    logits = there.x[:, 0, :4]
    torch.testing.assert_close(
        there.weight @ cross_entropy(logits, there.labels, reduction="none"), cross_entropy(logits, labels)
    )


def test_one_cluster_is_the_plain_mean() -> None:
    smashed = batch_of(6)
    codec = ADC(TOY, T=1, k=9)
    there = codec.decode(codec.encode(smashed, seeded()).departed())
    torch.testing.assert_close(there.x, smashed.x.detach().mean(0, keepdim=True))
    torch.testing.assert_close(there.labels, one_hot(given(smashed)[0], 4).float().mean(0, keepdim=True))


@pytest.mark.parametrize(("count", "merged"), [(1, 1), (2, 1), (3, 1), (8, 4), (9, 4)])
def test_short_batches(count: int, merged: int) -> None:
    """T = min(max(1, floor(r B')), B') at r = 1/2: a single sample is not merged, and never fewer than one cluster."""
    codec = ADC(TOY, xi=0.25)
    assert codec.rows(count) == merged
    assert codec.decode(codec.encode(batch_of(count), seeded()).departed()).x.shape == (merged, 4, 6)


def test_explicit_clusters_are_capped_by_the_batch() -> None:
    codec = ADC(TOY, T=5, k=2)
    assert [codec.rows(count) for count in (1, 4, 5, 64)] == [1, 4, 5, 5]


@pytest.mark.parametrize("labels", ["sizes", "assignment", "dense"])
@pytest.mark.parametrize("loss_weight", ["cluster", "size"])
@pytest.mark.parametrize("different", [1, 3])
def test_duplicates_leave_fewer_clusters(labels: Any, loss_weight: Any, different: int) -> None:
    """compression.md 2.2.8: no empty cluster, no NaN; what was not found is not sent."""
    smashed = batch_of(12)
    hard, attention = given(smashed)
    smashed.attention = attention[torch.arange(12) % different]
    codec = ADC(TOY, T=6, k=4, labels=labels, loss_weight=loss_weight)
    payload = codec.encode(smashed, seeded())
    there = codec.decode(payload.departed())
    assert payload.manifest.fields[0].shape == (different, 4, 6)
    assert payload.manifest.bits < codec.manifest(12).bits
    assert payload.manifest.paper_bits == codec.manifest(12).paper_bits
    assert there.x.shape == (different, 4, 6)
    assert there.x.isfinite().all()
    if labels == "sizes":
        assert sorted(payload.tensors["sizes"].tolist()) == [0] * (6 - different) + [12 // different] * different
    shares = [one_hot(hard[members], 4).float().mean(0) for members in groups_of(payload)]
    torch.testing.assert_close(there.labels, torch.stack(shares))
    if loss_weight == "size":
        torch.testing.assert_close(there.weight, torch.full((different,), 1 / different))
    assert payload.handle is not None
    torch.autograd.backward(payload.handle, torch.ones(different, 4, 6))
    assert smashed.x.grad is not None
    assert smashed.x.grad.isfinite().all()
    assert codec.spread(torch.arange(different), payload).shape == (12,)


def test_every_label_encoding_gives_the_same_soft_labels() -> None:
    """The server's labels are the mean one-hot label of each cluster (the paper's equation 5), however they travel."""
    smashed = batch_of(20)
    there = {}
    for labels in ("sizes", "assignment", "dense"):
        codec = ADC(TOY, T=7, k=3, labels=labels, loss_weight="size")  # type: ignore[arg-type]  # one of the three
        payload = codec.encode(smashed, seeded())
        there[labels] = codec.decode(payload.departed())
        members = groups_of(payload)
        shares = torch.stack([one_hot(given(smashed)[0][own], 4).float().mean(0) for own in members])
        torch.testing.assert_close(there[labels].labels, shares)
        torch.testing.assert_close(there[labels].weight, torch.tensor([len(own) / 20 for own in members]))
    assert torch.equal(there["sizes"].x, there["dense"].x)


def test_size_weights_make_the_loss_that_of_all_samples_where_merging_is_exact() -> None:
    """Samples alike within clusters: the size-weighted loss is their mean loss, the plain one is not (compression.md 2.2.4)."""
    kinds_of_sample, which = batch_of(3), torch.tensor([0, 0, 0, 0, 1, 2])
    _, attention = given(kinds_of_sample)
    labels = torch.tensor([0, 0, 0, 0, 1, 2])
    smashed = Smashed(kinds_of_sample.x.detach()[which], labels, attention[which])
    codec = ADC(TOY, T=3, k=9, loss_weight="size")
    there = codec.decode(codec.encode(smashed, seeded()).departed())
    assert there.labels is not None
    assert there.weight is not None
    logits = there.x[:, 0, :4]
    by_size = there.weight @ cross_entropy(logits, there.labels, reduction="none")
    of_samples = cross_entropy(smashed.x[:, 0, :4], labels)
    torch.testing.assert_close(by_size, of_samples)
    assert abs(float(cross_entropy(logits, there.labels) - of_samples)) > 1e-3


@pytest.mark.parametrize("key", ["cls_score", "cls_token", "avg_token"])
def test_tokens_are_ranked_by_the_mean_class_score(key: Any) -> None:
    """Whatever is clustered (the paper; compression.md 2.2.10): class token first, then the best patches, ascending."""
    smashed = batch_of(10)
    _, attention = given(smashed)
    payload = ADC(TOY, T=4, k=3, key=key).encode(smashed, seeded())
    for members, positions in zip(groups_of(payload), payload.kept["positions"].tolist(), strict=True):
        best = 1 + attention[members].mean(0)[1:].topk(2).indices
        assert positions == [0, *sorted(best.tolist())]


def test_keys_decide_who_is_merged() -> None:
    """Two groups by attention, two others by class token, two others by mean token: each key finds its own."""
    sample = torch.arange(8)
    x = torch.zeros(8, 9, 6)
    x[:, 0] += 10.0 * (sample % 2)[:, None]  # class token
    x[:, 1:] += 5.0 * (sample // 4)[:, None, None]  # outweighs the class token in the mean
    attention = softmax(4.0 * one_hot(1 + sample // 2 % 2, 9).float(), -1)
    smashed = Smashed(x, sample % 4, attention)
    for key, group in (("cls_score", sample // 2 % 2), ("cls_token", sample % 2), ("avg_token", sample // 4)):
        payload = ADC(TOY, T=2, k=2, key=key, init="kmeans++").encode(smashed, seeded())  # type: ignore[arg-type]  # a key
        pairs = {(int(found), int(true)) for found, true in zip(payload.kept["assignment"], group, strict=True)}
        assert len(pairs) == 2, key


def test_published_selection_takes_features_for_scores() -> None:
    """`centroid`: the largest of features 1..d-1 of the centroid, so tokens d and above are never reached."""
    smashed = batch_of(10)
    payload = ADC(TOY, T=4, k=3, key="avg_token", select="centroid").encode(smashed, seeded())
    for members, positions in zip(groups_of(payload), payload.kept["positions"].tolist(), strict=True):
        centroid = smashed.x.detach()[members].mean((0, 1))  # [d]
        assert positions == [0, *sorted((1 + centroid[1:].topk(2).indices).tolist())]
    reached = ADC(TOY, T=10, k=6, key="cls_token", select="centroid").encode(smashed, seeded()).kept["positions"]
    assert int(reached.max()) == 5
    with pytest.raises(ValueError, match="reaches 6 tokens, but k is 7"):
        ADC(TOY, T=10, k=7, key="cls_token", select="centroid")


def test_published_selection_of_wide_features_stays_within_the_tokens() -> None:
    """d > n: features beyond the last token would be positions that do not exist."""
    wide = Cut((5, 40), classes=4)
    payload = ADC(wide, T=3, k=4, key="avg_token", select="centroid").encode(batch_of(8, wide), seeded())
    assert int(payload.kept["positions"].max()) <= 4


def test_labels_travel_without_saying_whose_they_are() -> None:
    smashed = batch_of(16)
    payload = ADC(TOY, T=4, k=2).encode(smashed, seeded())
    grouped = [int(given(smashed)[0][sample]) for members in groups_of(payload) for sample in members]
    assert payload.tensors["labels"].tolist() == grouped
    assert set(payload.tensors) == {"values", "labels", "sizes"}


def test_diverged_training_is_named() -> None:
    smashed = batch_of(6)
    given(smashed)[1][2, 3] = float("nan")
    with pytest.raises(RunError, match="NaN or infinite"):
        ADC(TOY, T=2, k=2).encode(smashed, seeded())
    smashed = batch_of(6)
    smashed.x.data[1, 0, 0] = float("inf")
    with pytest.raises(RunError, match="cls_token of this batch"):
        ADC(TOY, T=2, k=2, key="cls_token").encode(smashed, seeded())


def test_missing_attention_is_named() -> None:
    smashed = batch_of(6)
    smashed.attention = None
    with pytest.raises(ValueError, match="attention"):
        ADC(TOY, T=2, k=2).encode(smashed, seeded())


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({}, "give either xi, or both T and k"),
        ({"T": 4}, "give either xi, or both T and k"),
        ({"xi": 0.1, "k": 4}, "give either xi, or both T and k"),
        ({"xi": 0.0}, r"xi must lie in \(0, 1\]"),
        ({"xi": 1.5}, r"xi must lie in \(0, 1\]"),
        ({"T": 0, "k": 1}, "T must lie in"),
        ({"T": 1, "k": 10}, r"k must lie in \[1, 9\]"),
        ({"T": 1.5, "k": 1}, "T must be an integer"),
        ({"xi": 0.1, "split": "cube"}, "split must be one of sqrt, fifth, r1bug"),
        ({"xi": 0.1, "key": "scores"}, "key must be one of"),
        ({"xi": 0.1, "max_iter": 0}, "max_iter must lie in"),
        ({"xi": 0.1, "tol": -1.0}, "tol must lie in"),
    ],
)
def test_impossible_knobs_are_refused(knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ADC(TOY, **knobs)


def test_rows_without_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match=r"rows of \(tokens, width\)"):
        ADC(Cut((30,)), xi=0.1)
