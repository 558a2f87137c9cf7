"""ToMe: its own merge rule, redone token by token with sizes, and cases whose outcome is known."""

from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from edgesim.codecs.base import Cut
from edgesim.codecs.tome import ToMe
from edgesim.wire import Payload, Smashed


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def encoded(codec: ToMe, x: Tensor) -> Payload:
    return codec.encode(Smashed(x), Generator())


def merged_by_hand(tokens: list[Tensor], kept: int) -> tuple[list[Tensor], list[int]]:
    """compression.md 2.13 for one sample: size-weighted averages of averages, call by call."""
    sizes = [1] * len(tokens)
    while len(tokens) > kept:
        a, b = list(range(0, len(tokens), 2)), list(range(1, len(tokens), 2))
        proposals = []
        for i in a[1:]:
            cosines = [float(torch.cosine_similarity(tokens[i], tokens[j], dim=0)) for j in b]
            proposals.append((max(cosines), i, b[cosines.index(max(cosines))]))
        r = min(len(tokens) - kept, (len(tokens) - 1) // 2)
        gone = {i: j for _cosine, i, j in sorted(proposals, reverse=True)[:r]}
        weighted, total = {j: sizes[j] * tokens[j] for j in b}, {j: sizes[j] for j in b}
        for i, j in gone.items():
            weighted[j], total[j] = weighted[j] + sizes[i] * tokens[i], total[j] + sizes[i]
        stay = [i for i in a if i not in gone]
        tokens = [tokens[i] for i in stay] + [weighted[j] / total[j] for j in b]
        sizes = [sizes[i] for i in stay] + [total[j] for j in b]
    return tokens, sizes


@pytest.mark.parametrize(("tokens", "k"), [(17, 16), (17, 9), (17, 8), (16, 3), (17, 2), (3, 2)])
def test_merging_is_the_published_rule(tokens: int, k: int) -> None:
    x = normal(3, tokens, 6, seed=k)
    payload = encoded(ToMe(Cut((tokens, 6)), k=k), x)
    for sample, sent in zip(x, payload.tensors["values"], strict=True):
        expected, _sizes = merged_by_hand(list(sample), k)
        torch.testing.assert_close(sent, torch.stack(expected))
    assert torch.equal(payload.tensors["values"][:, 0], x[:, 0])  # the class token is alone and first


def test_a_gradient_is_shared_by_the_size_of_the_group() -> None:
    """Token i of a group of s gets g/s; column sums of the merge are what the hand count says."""
    x = normal(1, 17, 6).requires_grad_()
    payload = encoded(ToMe(Cut((17, 6)), k=4), x)
    _tokens, sizes = merged_by_hand(list(x.detach()[0]), 4)
    assert payload.handle is not None
    torch.autograd.backward(payload.handle, torch.ones(1, 4, 6, dtype=torch.float64))
    assert x.grad is not None
    expected = sorted(1.0 / size for size in sizes for _ in range(size))
    torch.testing.assert_close(x.grad[0, :, 0].sort().values, torch.tensor(expected, dtype=torch.float64))


def test_equal_tokens_merge_without_loss() -> None:
    """Tokens 1 = 2, 3 = 4, ...: their partners are certain, and what is left is the class token and one of each pair."""
    pairs = normal(2, 4, 6)
    x = torch.cat([normal(2, 1, 6, seed=1), pairs.repeat_interleave(2, dim=1)], 1)
    payload = encoded(ToMe(Cut((9, 6)), k=5), x)
    torch.testing.assert_close(payload.tensors["values"][:, 1:], pairs)


def test_everything_kept_is_base() -> None:
    x = normal(2, 9, 6)
    assert torch.equal(encoded(ToMe(Cut((9, 6)), xi=1.0), x).tensors["values"], x)


def test_sizes_and_ratios() -> None:
    codec = ToMe(Cut((197, 192), classes=100), xi=0.32)
    assert codec.manifest(128).by_role == {"values": 128 * 63 * 192 * 32, "side": 0, "labels": 128 * 7, "model": 0}
    assert codec.ratios(128) == (63 / 197,) * 4
    assert codec.decoded(128) == (128, 63, 192)


@pytest.mark.parametrize(
    ("cut", "knobs", "message"),
    [
        (Cut((17, 6)), {}, "give either xi or k"),
        (Cut((17, 6)), {"k": 1}, r"k must lie in \[2, 17\]"),
        (Cut((17, 6)), {"k": 18}, r"k must lie in \[2, 17\]"),
        (Cut((17, 6)), {"xi": 0.0}, r"xi must lie in \(0, 1\]"),
        (Cut((30,)), {"k": 2}, r"rows of \(tokens, width\)"),
    ],
)
def test_impossible_knobs_are_refused(cut: Cut, knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ToMe(cut, **knobs)
