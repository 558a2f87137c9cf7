"""JSON Schema (draft 2020-12) of a scenario file, for editors and other programs.

A kind is chosen by its `kind`; the bare name stands for a kind without required knobs. Numbers whose key states a unit may be
strings with units. A schema cannot say what one value asks of another: `edgesim validate` knows more.
"""

from typing import Any

from edgesim import kinds
from edgesim.sections import Section
from edgesim.specs import INSIDE, SLOT_KEY, kind_model

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def build(scenario: type[Section]) -> dict[str, Any]:
    """The schema of a file that holds a `scenario`."""
    root = scenario.model_json_schema()
    definitions = root.pop("$defs", {})
    for slot in kinds.SLOTS:
        if slot in kinds.NO_SCENARIO:
            continue
        definitions |= _slot(slot)
    definitions |= _slot("channel", inside=True)
    root["properties"]["clients"] = _one_or_many(root["properties"]["clients"])
    referenced: dict[str, Any] = _with_references(
        {"$schema": DIALECT, "title": "edgesim scenario", **root, "$defs": definitions}
    )
    return referenced


def _one_or_many(clients: dict[str, Any]) -> dict[str, Any]:
    description = clients.pop("description", "")
    return {"description": description, "anyOf": [clients["items"], clients]}


def _slot(slot: str, *, inside: bool = False) -> dict[str, Any]:
    """Definitions of every kind of a slot, and of their union under the slot's name; `inside` as in `SlotOf`."""
    definitions: dict[str, Any] = {}
    bare, options = [], []
    name = slot + INSIDE if inside else slot
    for kind in kinds.names(slot):
        made = kind_model(slot, kind, inside=inside).model_json_schema()
        definitions |= made.pop("$defs", {})
        definitions[f"{name}.{kind}"] = _of_kind(made, kind, named=slot != "radio")
        options.append({"$ref": f"#/$defs/{name}.{kind}"})
        if not set(made.get("required", [])) - {"kind"}:
            bare.append(kind)
    if slot == "radio":
        definitions[name] = options[0]
    else:
        definitions[name] = {"oneOf": [{"enum": bare}, *options] if bare else options}
    return definitions


def _of_kind(made: dict[str, Any], kind: str, *, named: bool) -> dict[str, Any]:
    made["properties"]["kind"] = {"const": kind}
    if named:
        made["required"] = ["kind", *made.get("required", [])]
    return made


def _with_references(node: Any) -> Any:
    """The schema with its slots replaced by references to their definitions."""
    if isinstance(node, list):
        return [_with_references(item) for item in node]
    if not isinstance(node, dict):
        return node
    if SLOT_KEY in node:
        rest = {key: value for key, value in node.items() if key in ("description", "default")}
        return {"$ref": f"#/$defs/{node[SLOT_KEY]}", **rest}
    return {key: _with_references(value) for key, value in node.items()}
