"""FedLite: golden sizes, nearest words, the corrected gradient, and the answer per word."""

import math

import pytest
import torch
from torch import Generator, Tensor

from edgesim.codecs.base import Cut
from edgesim.codecs.fedlite import FedLite
from edgesim.wire import Payload, Smashed

CUT = Cut((9, 16))
X = torch.randn(8, 9, 16, generator=Generator().manual_seed(0))


def sent(codec: FedLite, x: Tensor = X, seed: int = 0) -> Payload:
    return codec.encode(Smashed(x), Generator().manual_seed(seed))


def vectors(x: Tensor, length: int) -> Tensor:
    return x.reshape(len(x), -1, length)  # [B, q, s]


def test_golden_ratios() -> None:
    """The older repository's default on DeiT-T, B = 128: q = 18 912, L = 64, R = 1; compression.md 2.12."""
    codec = FedLite(Cut((197, 192)), length=2, centroids=64)
    assert codec.parts == 18_912
    ratios = codec.ratios(128)
    assert ratios.paper_up == pytest.approx(64 / (128 * 18_912) + 18_912 * 6 / (32 * 37_824))
    assert (ratios.paper_down, ratios.code_down) == (1.0, 64 / (128 * 18_912))
    assert codec.manifest(128).bits == 32 * 2 * 64 + 128 * 18_912 * 6


@pytest.mark.parametrize("groups", [1, 3, 36])
@pytest.mark.parametrize("answer", ["full", "codeword"])
def test_words_are_means_of_those_coded_by_them(groups: int, answer: str) -> None:
    codec = FedLite(CUT, length=4, centroids=5, groups=groups, answer=answer)  # type: ignore[arg-type]  # a Literal
    payload = sent(codec)
    arrived = vectors(codec.decode(payload.departed()).x, 4)
    codes = payload.tensors["values" if answer == "full" else "codes"]
    each = 36 // groups
    for group in range(groups):
        places = slice(group * each, (group + 1) * each)
        for word in codes[:, places].unique():
            coded = codes[:, places] == word
            mean = vectors(X, 4)[:, places][coded].mean(0)
            torch.testing.assert_close(arrived[:, places][coded], mean.expand(int(coded.sum()), 4))


def test_as_many_words_as_sub_vectors_lose_nothing() -> None:
    codec = FedLite(CUT, length=4, centroids=8 * 36)
    torch.testing.assert_close(codec.decode(sent(codec)).x, X)


def test_more_words_less_error() -> None:
    errors = []
    for words in (2, 8, 32, 128):
        codec = FedLite(CUT, length=2, centroids=words)
        errors.append(float((codec.decode(sent(codec)).x - X).square().sum()))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.05 * errors[0]


def test_the_gradient_is_corrected() -> None:
    """G = dl/dz' + (correction / B) (z - z')."""
    codec, x = FedLite(CUT, length=4, centroids=8, correction=0.4), X.clone().requires_grad_()
    payload = sent(codec, x)
    y = torch.randn(X.shape, generator=Generator().manual_seed(1))
    assert payload.handle is not None
    [gradient] = torch.autograd.grad(payload.handle, x, y)
    torch.testing.assert_close(gradient, y + 0.4 / 8 * (X - codec.decode(payload).x))


def test_the_correction_is_the_gradient_of_the_added_distance() -> None:
    """lambda/2 |z - z'|^2 with z' held fixed, by autograd of a loss of zero."""
    codec, x = FedLite(CUT, length=4, centroids=8, correction=1.0), X.clone().requires_grad_()
    payload = sent(codec, x)
    assert payload.handle is not None
    [gradient] = torch.autograd.grad(payload.handle, x, torch.zeros_like(X))
    fixed = codec.decode(payload).x
    [expected] = torch.autograd.grad((x - fixed).square().sum() / 2 / 8, x)
    torch.testing.assert_close(gradient, expected)


def test_the_answer_per_word_is_the_mean_gradient_of_its_members() -> None:
    codec, x = FedLite(CUT, length=4, centroids=5, correction=0.0, answer="codeword"), X.double().requires_grad_()
    payload = sent(codec, x)
    assert payload.handle is not None
    assert payload.handle.shape == (codec.rows(8), *codec.item) == (5, 4)
    leaf = payload.handle.detach().requires_grad_()
    y = torch.randn(X.shape, generator=Generator().manual_seed(1), dtype=torch.float64)  # dl/dz'
    [answer] = torch.autograd.grad(codec.expand(leaf, payload).x, leaf, y)
    [gradient] = torch.autograd.grad(payload.handle, x, answer)
    codes = payload.tensors["codes"]
    for word in codes.unique():
        coded = codes == word
        mean = vectors(y, 4)[coded].mean(0)
        torch.testing.assert_close(vectors(gradient, 4)[coded], mean.expand(int(coded.sum()), 4))


def test_the_answer_per_word_is_as_small_as_charged() -> None:
    codec = FedLite(CUT, length=4, centroids=5, groups=2, answer="codeword")
    assert not codec.integer_values
    assert codec.rows(8) * math.prod(codec.item) / (8 * 144) == pytest.approx(codec.ratios(8).paper_down)


@pytest.mark.parametrize(("xi", "length", "centroids"), [(0.25, 1, 256), (0.1, 2, 64), (0.01, 24, 128), (1.0, 1, 4096)])
def test_xi_decides_length_and_words(xi: float, length: int, centroids: int) -> None:
    codec = FedLite(Cut((197, 192)), xi=xi)
    assert (codec.length, codec.centroids) == (length, centroids)
    codes = codec.manifest(64).by_role["values"]
    assert codes <= xi * 32 * 64 * 37_824


def test_short_batches_have_fewer_words() -> None:
    codec = FedLite(CUT, length=16, centroids=64)
    assert [codec.words(batch) for batch in (1, 2, 64)] == [9, 18, 64]
    assert torch.allclose(codec.decode(sent(codec, X[:1])).x, X[:1])


def test_equal_sub_vectors() -> None:
    """One word is found where all are equal; the book keeps its announced size."""
    codec, x = FedLite(CUT, length=4, centroids=16), torch.ones(8, 9, 16)
    payload = sent(codec, x)
    assert payload.manifest == codec.manifest(8)
    assert torch.equal(codec.decode(payload).x, x)


def test_large_batches_are_learned_from_a_sample() -> None:
    """40 000 sub-vectors round four points; every one is coded by its own, whether it was drawn or not."""
    generator = Generator().manual_seed(0)
    points = torch.tensor([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [9.0, 9.0]])
    which = torch.randint(4, (40, 1000), generator=generator)
    x = points[which] + 0.01 * torch.randn(40, 1000, 2, generator=generator)
    codec = FedLite(Cut((1000, 2)), length=2, centroids=16, max_iter=5)
    assert float((codec.decode(sent(codec, x)).x - x).abs().max()) < 0.2


def test_impossible_knobs_are_refused() -> None:
    with pytest.raises(ValueError, match="length must divide the 144 values of a sample, got 5"):
        FedLite(CUT, length=5, centroids=4)
    with pytest.raises(ValueError, match="groups must divide the 36 sub-vectors"):
        FedLite(CUT, length=4, centroids=4, groups=5)
    with pytest.raises(ValueError, match="give either xi, or length and centroids"):
        FedLite(CUT)
    with pytest.raises(ValueError, match=r"xi must be at least 0\.00022, one bit a sample"):
        FedLite(CUT, xi=0.0001)
