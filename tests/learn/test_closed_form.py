"""The closed forms give what counting the built model gives, to the last unit, and nothing of timm is needed for them."""

import pytest

from edgesim.learn.closed_form import ClosedForm
from edgesim.learn.counted import Counted
from edgesim.learn.data.base import Facts
from edgesim.learn.flops import Costs
from edgesim.learn.models.base import Geometry
from edgesim.learn.models.vit import Vit
from edgesim.model_sizes import MODELS

GREY = Facts(10, 10, 7, 1, 32, (0.5,), (0.25,), ())
COLOUR = GREY._replace(channels=3, classes=100, mean=(0.5,) * 3, std=(0.25,) * 3)
KNOWN = [name for name, sizes in MODELS.items() if sizes.class_token]
QUICK = ("tiny_digits", "deit_tiny_patch16_224", "deit3_small_patch16_224")  # to count; the others are as alike as their sizes


class Unknown(Vit):
    """The same model as one whose sizes are not known: timm builds it and torch counts it."""

    def closed_form(self, facts: Facts) -> ClosedForm | None:
        return None


def facts_of(costs: Costs) -> tuple[object, ...]:
    client = costs.client_forward, costs.client_backward
    return costs.numbers, costs.head, costs.head_numbers, costs.tokens, costs.width, costs.server(5), client


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in KNOWN])
def test_formula_and_count_agree(name: str) -> None:
    cut = 1 + KNOWN.index(name) % (MODELS[name].depth - 1)
    known, counted = Vit(name=name, cut=cut), Unknown(name=name, cut=cut)
    assert known.geometry(COLOUR) == counted.geometry(COLOUR)
    assert facts_of(Costs(known, COLOUR)) == facts_of(Costs(counted, COLOUR))


@pytest.mark.parametrize("side", [8, 32])
def test_other_pictures_and_attention(side: int) -> None:
    knobs = {"name": "tiny_digits", "cut": 3, "image_size": side}
    known, counted = Costs(Vit(**knobs), GREY, with_attention=True), Costs(Unknown(**knobs), GREY, with_attention=True)
    assert facts_of(known) == facts_of(counted)


def test_the_tag_of_the_weights_leads_to_the_same_numbers() -> None:
    plain, tagged = (Costs(Vit(name=f"deit_tiny_patch16_224{tag}", cut=3), COLOUR) for tag in ("", ".fb_in1k"))
    assert facts_of(plain) == facts_of(tagged)
    assert Vit(name="deit_tiny_patch16_224.fb_in1k", cut=3).closed_form(COLOUR) is not None


def test_the_view_is_the_same_too() -> None:
    for knobs in ({}, {"pretrained": True}, {"image_size": 64}):
        known, counted = (kind(name="deit_tiny_patch16_224", cut=3, **knobs) for kind in (Vit, Unknown))
        assert known.view(COLOUR) == counted.view(COLOUR)


@pytest.mark.parametrize("name", ["vit_small_patch16_384.augreg_in1k", "vit_small_patch14_reg4_dinov2"])
def test_what_is_not_known_is_counted(name: str) -> None:
    model = Vit(name=name, cut=2, image_size=112)
    assert model.closed_form(COLOUR) is None
    assert isinstance(model.geometry(COLOUR), Geometry)
    assert Costs(model, COLOUR).numbers == Counted(model, COLOUR, with_attention=False).numbers


def test_an_impossible_cut_is_refused_by_both_in_the_same_words() -> None:
    for knobs in ({"cut": 12}, {"cut": 3, "image_size": 100}):
        said = []
        for kind in (Vit, Unknown):
            with pytest.raises(ValueError, match="must be") as found:
                kind(name="deit_tiny_patch16_224", **knobs).geometry(COLOUR)
            said.append(str(found.value))
        assert said[0] == said[1]
