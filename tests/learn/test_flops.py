"""Counted FLOPs equal the closed forms of compression.md 1.1."""

import pytest
import torch

from edgesim.learn.data.base import Facts
from edgesim.learn.flops import Costs
from edgesim.learn.models.vit import Vit

COLOUR = Facts(10, 10, 100, 3, 32, (0.5,) * 3, (0.25,) * 3, ())
PATCHES = 2 * 196 * (3 * 16 * 16)  # times d: the embedding


def block(m: int, d: int) -> float:
    """24 m d^2 + 4 m^2 d: qkv 6, projection 2, MLP 16; two products with the attention matrix 4."""
    return 24 * m * d**2 + 4 * m**2 * d


@pytest.mark.parametrize(
    ("name", "d", "published"), [("deit_tiny_patch16_224", 192, 204.1e6), ("deit_small_patch16_224", 384, 756.8e6)]
)
def test_closed_forms(name: str, d: int, published: float) -> None:
    assert block(197, d) == pytest.approx(published, rel=5e-4)
    costs = Costs(Vit(name=name, cut=3), COLOUR)
    assert costs.client_forward == PATCHES * d + 3 * block(197, d)
    for tokens in (1, 62):
        forward, backward = costs.server(tokens)
        head = 2 * d * 100
        assert forward == 9 * block(tokens, d) + head
        assert backward == 2 * forward
    # no gradient with respect to the pictures: the embedding goes back once, for its weights
    assert costs.client_backward == PATCHES * d + 2 * 3 * block(197, d)


def test_whole_deit_tiny() -> None:
    costs = Costs(Vit(name="deit_tiny_patch16_224", cut=3), COLOUR)
    assert costs.client_forward + costs.server(197)[0] == pytest.approx(2.5070e9, rel=2e-5)


def test_attention_row_costs_one_product_with_the_keys() -> None:
    plain, watching = (Costs(Vit(name="deit_tiny_patch16_224", cut=3), COLOUR, with_attention=on) for on in (False, True))
    assert watching.client_forward - plain.client_forward == 2 * 197 * 192
    assert watching.client_backward == plain.client_backward


def test_picture_size_sets_the_tokens() -> None:
    costs = Costs(Vit(name="deit_tiny_patch16_224", cut=1, image_size=96), COLOUR)
    assert costs.client_forward == 2 * 36 * 768 * 192 + block(37, 192)


def test_mixed_precision_costs_the_same() -> None:
    exact, mixed = (Costs(Vit(name="tiny_digits", cut=2, precision=p), COLOUR) for p in ("float32", "bfloat16"))
    assert (exact.client_forward, exact.client_backward) == (mixed.client_forward, mixed.client_backward)


def test_counting_moves_no_generator() -> None:
    before = torch.get_rng_state()
    assert Costs(Vit(name="tiny_digits", cut=2), COLOUR, with_attention=True).client_forward > 0
    assert torch.equal(torch.get_rng_state(), before)
