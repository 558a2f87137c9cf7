"""The kinds of a scenario: nodes whose keys are the knobs of a class.

Pydantic models are made from what `kinds.read` finds in a source file, so a kind is checked without importing it.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, get_args

from pydantic import Field, ValidationError, create_model

from edgesim import kinds
from edgesim.errors import UsageError
from edgesim.kind_files import Knob
from edgesim.leaves import Choice, Either, Flag, Leaf, Number, Text, fail, got
from edgesim.quantities import Interval, unit_of
from edgesim.sections import MISSING_TYPE, Section, line_error
from edgesim.wire import LedgerName
from edgesim.yaml_nodes import Rekinded

SLOT_KEY = "x-slot"  # stands in a JSON Schema for a reference to all kinds of a slot
INSIDE = ".inside"  # after the name of a slot there: kinds that are part of another


@dataclass(frozen=True)
class Spec:
    """A kind and the values of its knobs, checked. Nested kinds are Specs too."""

    slot: str
    kind: str
    values: dict[str, Any] = field(default_factory=dict)

    def knobs(self) -> dict[str, Any]:
        """Values for the keyword-only parameters of the kind's class."""
        return dict(self.values)

    def nested(self) -> Iterator[tuple[tuple[str | int, ...], "Spec"]]:
        """This node and every kind inside it, with the path from here."""
        yield (), self
        for name, value in self.values.items():
            items = enumerate(value) if isinstance(value, list) else [(None, value)]
            for index, item in items:
                for deeper, found in item.nested() if isinstance(item, Spec) else ():
                    yield (name, *(() if index is None else (index,)), *deeper), found


@dataclass(frozen=True)
class DataSpec(Spec):
    """The data: a kind, and how any kind of data is dealt out."""

    batch_size: int = 1
    partition: Spec = field(default_factory=lambda: Spec("partition", "iid"))
    augment: Spec = field(default_factory=lambda: Spec("augment", "none"))


class SlotOf(Leaf):
    """A node that takes a kind of `slot`: `{kind: name, ...knobs}`, or the bare name for `{kind: name}`.

    inside  it is part of another kind of that slot: a channel there gets its SNR from the one around it
    """

    def __init__(self, slot: str, *, inside: bool = False) -> None:
        self.slot = slot
        self.inside = inside
        self.plural = kinds.SLOTS[slot].plural

    def read(self, value: object) -> Spec:
        if isinstance(value, Spec) and value.slot == self.slot:
            return value
        given = self._with_kind(value)
        kind = given.get("kind")
        if not isinstance(kind, str) or not kinds.exists(self.slot, kind):
            unnamed = None if isinstance(kind, str) else f"expected the name of one of the {self.plural}, got {got(kind)}"
            wrong = unnamed or kinds.unknown(self.slot, str(kind))
            where = ("kind",) if isinstance(value, dict) else ()
            raise ValidationError.from_exception_data(self.slot, [line_error("scenario", wrong, where, kind)])
        checked = kind_model(self.slot, kind, inside=self.inside).model_validate(_without_stale(given, self.slot, kind))
        values = {info.alias or name: getattr(checked, name) for name, info in type(checked).model_fields.items()}
        values.pop("kind", None)
        if self.slot == "data":
            common = {name: values.pop(name) for name in DataCommon.model_fields}
            return DataSpec(self.slot, kind, values, **common)
        return Spec(self.slot, kind, values)

    def _with_kind(self, value: object) -> dict[str, Any]:
        if self.slot == "radio" and isinstance(value, dict):
            return value if "kind" in value else {"kind": "radio", **value}
        if isinstance(value, str) and self.slot != "radio":
            return {"kind": value}
        if not isinstance(value, dict):
            if self.slot == "radio":
                fail(f"expected a mapping with the knobs of the link's radio, {{}} for its defaults; got {got(value)}")
            fail(f"expected the name of one of the {self.plural}, or {{kind: name, ...}}; got {got(value)}")
        if "kind" not in value:
            message = f"missing key 'kind' ({self.plural}: {', '.join(kinds.names(self.slot))})"
            raise ValidationError.from_exception_data(self.slot, [line_error(MISSING_TYPE, message, ("kind",), value)])
        return value

    def json(self) -> dict[str, Any]:
        return {SLOT_KEY: self.slot + INSIDE if self.inside else self.slot}


class SetAround(Number):
    """The SNR of a channel inside another, which sets it: left out, or 0 dB."""

    def __init__(self) -> None:
        super().__init__("[0, 0]", "db")

    def read(self, value: object) -> float:
        if self._number(value) != 0:
            fail("the channel around this one sets its SNR: leave snr_db out here")
        return 0.0


def _without_stale(given: dict[str, Any], slot: str, kind: str) -> dict[str, Any]:
    """Drop the knobs that belong to the kind which an override replaced (the rule is in `edgesim.overrides`)."""
    if not isinstance(given, Rekinded) or not kinds.exists(slot, given.was):
        return given
    stale = set(kind_model(slot, given.was).known()) - set(kind_model(slot, kind).known())
    return {key: value for key, value in given.items() if not (key in stale and key in given.from_file)}


class DataCommon(Section):
    """Keys that every kind of data has.

    batch_size  images in one step of one client
    partition   who gets which training images
    augment     what happens to a training image on its way
    """

    batch_size: Annotated[int, Number("[1, inf)", whole=True)]
    partition: Annotated[Spec, SlotOf("partition")] = Field(default="iid", validate_default=True)
    augment: Annotated[Spec, SlotOf("augment")] = Field(default="none", validate_default=True)


class CodecCommon(Section):
    """A key that every codec has whose size can be chosen.

    xi_ledger  the book that xi is read from: paper (published formula), code (published code), wire (what is sent)
    """

    xi_ledger: Annotated[LedgerName, Choice(get_args(LedgerName))] = "paper"


class CodecTarget(CodecCommon):
    """A key more for codecs that have no `xi` of their own.

    xi         target ratio to no compression; the codec's own knobs follow from it
    xi_ledger  the book that xi is read from: paper (published formula), code (published code), wire (what is sent)
    """

    xi: Annotated[float, Number("(0, 1]")] | None = None


class FaultCommon(Section):
    """A key that every fault has.

    clients  numbers of the groups that it befalls, from 0; all where left out
    """

    clients: list[Annotated[int, Number("[0, inf)", whole=True)]] | None = None


def _common(slot: str, kind: kinds.Kind) -> type[Section]:
    """The keys that a kind's node has besides the kind's knobs."""
    if slot == "fault":
        return FaultCommon
    if slot == "codec" and kind.flags.get("dial") != "":
        return CodecCommon if "xi" in kind.knobs else CodecTarget
    return DataCommon if slot == "data" else Section


def kind_model(slot: str, kind: str, *, inside: bool = False) -> type[Section]:
    """The pydantic model of a kind's node; `inside` as in `SlotOf`."""
    return _model(slot, kind, kinds.read(slot, kind).path, inside)


@cache
def _model(slot: str, kind: str, path: object, inside: bool) -> type[Section]:
    found = kinds.read(slot, kind)
    fields: dict[str, Any] = {"knob_kind": (str, Field(default=kind, alias="kind"))}
    for name, knob in found.knobs.items():
        default = ... if knob.required else knob.default
        # The prefix keeps knobs called `copy` or `json` apart from pydantic's own attributes.
        kept = (_type(name, knob, found), Field(default, alias=name, validate_default=True))
        given = (Annotated[float, SetAround()], Field(0.0, alias=name))
        fields[f"knob_{name}"] = given if inside and name == "snr_db" else kept
    base = _common(slot, found)
    doc = "\n".join([found.doc, *(f"{name}  {text}" for name, text in base.docs().items())])
    return create_model(f"{slot}.{kind}", __base__=base, __doc__=doc, **fields)


def _type(name: str, knob: Knob, kind: kinds.Kind) -> Any:
    node = ast.parse(knob.annotation, mode="eval").body
    if kind.slot == "channel" and _BASES.get(knob.annotation.split(".")[-1]) == "channel":
        return Annotated[Spec, SlotOf("channel", inside=True)]
    made = _from_ast(node, None, unit_of(name))
    if made is None:
        raise UsageError(
            f"{kind.path}: knob {name}: {knob.annotation} cannot be read from a scenario; use int, float, str, bool, Literal, "
            "X | None, list[X], Annotated[X, '(0, 1]'], the base class of a kind, or a name for one of these"
        )
    return made


_BASES = {slot.base: name for name, slot in kinds.SLOTS.items()}


def _from_ast(node: ast.expr, interval: Interval | None, suffix: str | None) -> Any:
    """The pydantic type of an annotation, or None where it has none."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _union([_from_ast(part, interval, suffix) for part in _parts(node)], _parts(node))
    if isinstance(node, ast.Subscript):
        outer = ast.unparse(node.value).split(".")[-1]
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if outer == "Literal":
            return Annotated[Any, Choice([ast.literal_eval(item) for item in inner])]
        if outer == "Annotated":
            return _from_ast(inner[0], Interval.parse(ast.literal_eval(inner[-1])), suffix)
        item: Any = _from_ast(inner[0], interval, suffix) if outer == "list" and len(inner) == 1 else None
        return None if item is None else list[item]
    name = ast.unparse(node).split(".")[-1]
    if name in _BASES:
        return Annotated[Spec, SlotOf(_BASES[name])]
    leaves: dict[str, tuple[type, Leaf]] = {
        "int": (int, Number(interval, suffix, whole=True)),
        "float": (float, Number(interval, suffix)),
        "str": (str, Text()),
        "bool": (bool, Flag()),
    }
    return Annotated[leaves[name]] if name in leaves else None


def _parts(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return [*_parts(node.left), *_parts(node.right)]
    return [node]


def _union(made: list[Any], parts: list[ast.expr]) -> Any:
    real = [kind for kind, part in zip(made, parts, strict=True) if ast.unparse(part) != "None"]
    if not real or None in real:
        return None
    leaves = [leaf for kind in real for leaf in getattr(kind, "__metadata__", ())]
    one = real[0] if len(real) == 1 else Annotated[Any, Either(leaves)] if len(leaves) == len(real) else None
    return one if one is None or len(real) == len(made) else one | None
