"""The schema of a scenario: sections, kinds and leaves."""

import ast
import re
from typing import Any

import pytest

from edgesim import kinds
from edgesim.kind_files import Knob
from edgesim.leaves import Choice, Either, Flag, Leaf, Number, Text
from edgesim.scenario import Scenario
from edgesim.specs import DataSpec, SlotOf, Spec, kind_model

LINK = {"codec": "identity", "channel": "ideal"}
VALID: dict[str, Any] = {
    "model": {"kind": "vit", "name": "tiny_digits", "cut": 2},
    "data": {"kind": "digits", "batch_size": 64},
    "clients": {"device": "raspberry_pi_4"},
    "server": {"device": "edge_server"},
    "uplink": LINK,
    "downlink": LINK,
    "protocol": "vanilla",
    "optimiser": "adam",
    "budget": {"steps": 2},
}


def test_a_scenario_can_be_made_in_python() -> None:
    made = Scenario.model_validate(VALID)
    assert made.name == "scenario"
    assert isinstance(made.data, DataSpec)
    assert made.data.knobs() == {}
    assert made.source == ""
    assert str(made.problem(("clients", 0, "device"), "no")) == "clients[0].device: no"
    again = made.model_copy(update={"seed": 5})
    assert again.seed == 5
    assert Scenario.model_validate(VALID | {"model": made.model, "uplink": made.uplink}) == made


def test_knobs_are_a_copy() -> None:
    spec = Spec("codec", "adc", {"xi": 0.1})
    spec.knobs()["xi"] = 0.5
    assert spec.knobs() == {"xi": 0.1}


def test_nested_kinds_are_found_with_their_paths() -> None:
    inner = Spec("codec", "identity")
    chain = Spec("codec", "chain", {"stages": [inner, Spec("codec", "chain", {"stages": [inner]})], "one": inner})
    paths = [path for path, _ in chain.nested()]
    assert paths == [(), ("stages", 0), ("stages", 1), ("stages", 1, "stages", 0), ("one",)]


@pytest.mark.parametrize(
    ("leaf", "value", "expected"),
    [
        (Number("[0, 1]"), 1, 1.0),
        (Number("[1, inf)", whole=True), 1e6, 1_000_000),
        (Number(None, "bits", whole=True), "2 kB", 16_000),
        (Number("(0, inf]"), float("inf"), float("inf")),
        (Number(whole=True), 2**63 - 1, 2**63 - 1),
        (Either([Number("(0, 1]"), Choice(["auto"])]), "auto", "auto"),
        (Either([Number("(0, 1]"), Choice(["auto"])]), 0.5, 0.5),
        (Choice([1, 2, "x"]), 2, 2),
        (Text(), "1e6", "1e6"),
        (Flag(), True, True),
    ],
)
def test_leaves_take_what_they_say(leaf: Leaf, value: object, expected: object) -> None:
    read_value = leaf.read(value)
    assert read_value == expected
    assert type(read_value) is type(expected)


@pytest.mark.parametrize(
    ("leaf", "value", "said"),
    [
        (Number("(0, inf)"), float("inf"), "must be a finite number, got inf"),
        (Number(), float("nan"), "must be a finite number, got nan"),
        (Number("(0, inf]"), float("nan"), "must be a finite number, got nan"),
        (Number(), 10**400, "must be a finite number, got inf"),
        (Number(whole=True), 2**63, "must be at most 9223372036854775807; got 9223372036854775808"),
        (Number(), 1e31, "must be 0 or of a size between 1e-30 and 1e+30; got 1e+31"),
        (Number(), -1e-31, "must be 0 or of a size between 1e-30 and 1e+30; got -1e-31"),
        (Number("(-inf, inf]", "db"), -301, "must be between -300 and 300; got -301"),
        (Number(None, "dbm"), "1e40 W", "must be between -300 and 300; got 1e40 W"),
        (Number(), False, "expected a number, got false"),
        (Number(whole=True), None, "expected a whole number, got nothing (null)"),
        (Number(), "x" * 200, "expected a number, got the text 'xxx"),
        (Choice([1, 2]), True, "must be one of 1, 2; got true"),
        (Choice(["none"]), None, "must be one of none; got nothing (null)"),
        (
            Either([Number("(0, 1]"), Choice(["auto"])]),
            2,
            "must be above 0 and at most 1; got 2; or must be one of auto; got the number 2",
        ),
        (Text(), False, "expected text, got false: put it in quotes"),
        (Flag(), 1, "expected true or false, got the number 1"),
    ],
)
def test_leaves_refuse_the_rest(leaf: Leaf, value: object, said: str) -> None:
    from pydantic_core import PydanticCustomError

    with pytest.raises(PydanticCustomError) as caught:
        leaf.read(value)
    assert caught.value.message().startswith(said)
    assert len(caught.value.message()) < 200


@pytest.mark.parametrize("slot", kinds.SLOTS)
def test_every_kind_has_a_model_and_valid_defaults(slot: str) -> None:
    """Defaults are checked like values: a default outside its own interval would show here."""
    for name in kinds.names(slot):
        model = kind_model(slot, name)
        required = {"batch_size": 1} if slot == "data" else {}
        for knob, found in kinds.read(slot, name).knobs.items():
            if found.required:
                required[knob] = _example(found)
        assert SlotOf(slot).read({"kind": name} | required).kind == name
        assert set(kinds.read(slot, name).knobs) | {"kind"} <= set(model.known())


def _example(knob: Knob) -> Any:
    """A value for a required knob: a kind that needs no knobs, a choice, text, numbers, or a number in its interval."""
    for slot, place in kinds.SLOTS.items():
        if re.search(rf"\b{place.base}\b", knob.annotation):
            without = [
                name for name in kinds.names(slot) if not any(item.required for item in kinds.read(slot, name).knobs.values())
            ]
            if not without:
                continue
            plain = without[0]
            return [plain] if knob.annotation.startswith("list") else plain
    if knob.annotation.startswith("Literal["):
        return ast.literal_eval(knob.annotation.removeprefix("Literal"))[0]
    if knob.annotation == "list[float]":
        return [1]
    return "text" if knob.annotation == "str" else next(number for number in (1, 0.5, 10) if number in (knob.interval or [1]))
