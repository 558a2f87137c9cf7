"""The leaves of a scenario: numbers with units and ranges, text, flags, choices, names of profiles.

Each is put into an annotation (`Annotated[float, Number("(0, 1]")]`); pydantic calls `read` and exports `json`. Nothing is
converted silently: text is no number, a number is no text, 0 is no boolean. An int takes an integral float (`1e6`).
"""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NoReturn

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from edgesim import kinds, quantities
from edgesim.quantities import Interval, did_you_mean, shortened
from edgesim.yaml_nodes import Refused

LEAST, MOST = 1e-30, 1e30  # size of a real number other than 0: products of a few never overflow
MOST_WHOLE = 2**63 - 1  # what tables hold
MOST_DB = 300.0  # either way
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # ends a path, breaks a message or changes a terminal
REFUSED_TYPE = "refused"  # error type of a value that was complained about while it was read


def fail(message: str) -> NoReturn:
    """Raise a validation error with a finished message."""
    raise PydanticCustomError("scenario", "{message}", {"message": message})


def got(value: object) -> str:
    """How to name a value in a message."""
    if isinstance(value, Refused):
        raise PydanticCustomError(REFUSED_TYPE, "refused before")
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"the text {shortened(value)!r}"
    if isinstance(value, int | float):
        return f"the number {shortened(str(value))}"
    return "a list" if isinstance(value, list) else "a mapping"


class Leaf(ABC):
    """A kind of scalar. Abstract; goes into `Annotated`."""

    @abstractmethod
    def read(self, value: object) -> Any:
        """The value, checked and normalised; raises PydanticCustomError."""

    @abstractmethod
    def json(self) -> dict[str, Any]:
        """JSON Schema of what `read` takes."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return self.json()


class Number(Leaf):
    """A finite number in an interval; a string with a unit where the key's suffix states one.

    Sizes that no arithmetic or table holds are refused: `LEAST` to `MOST`, `MOST_WHOLE`, `MOST_DB`.
    Only an interval that ends in a closed infinity, `(0, inf]`, lets infinity in (`.inf` in YAML); nothing lets NaN in.

    suffix  the unit suffix of the key (`hz`), None for a number without unit
    whole   integers only; an integral float such as 1e6 is one
    """

    def __init__(self, interval: str | Interval | None = None, suffix: str | None = None, *, whole: bool = False) -> None:
        self.interval = Interval.parse(interval) if isinstance(interval, str) else interval
        self.suffix = suffix
        self.whole = whole

    def read(self, value: object) -> int | float:
        number = self._number(value)
        if self.interval is not None and number not in self.interval:
            fail(f"must be {self.interval.words()}; got {shortened(str(value))}")
        if abs(number) != math.inf and (beyond := self._beyond(number)):
            fail(f"{beyond}; got {shortened(str(value))}")
        return number

    def _beyond(self, number: int | float) -> str | None:
        """Why a number is too large, or too small, for any arithmetic."""
        size = abs(number)
        if self.whole:
            return f"must be at most {MOST_WHOLE}" if size > MOST_WHOLE else None
        if self.suffix in ("db", "dbm") and size > MOST_DB:
            return f"must be between {-MOST_DB:g} and {MOST_DB:g}"
        return f"must be 0 or of a size between {LEAST:g} and {MOST:g}" if size and not LEAST <= size <= MOST else None

    def _number(self, value: object) -> int | float:
        if isinstance(value, str) and self.suffix is not None:
            try:
                value = quantities.parse(value, self.suffix)
            except ValueError as error:
                fail(str(error))
        if isinstance(value, bool) or not isinstance(value, int | float):
            hint = ": remove the quotes" if isinstance(value, str) and _is_number(value) else ""
            fail(f"expected a {'whole ' if self.whole else ''}number, got {got(value)}{hint}")
        if self.whole and isinstance(value, int):
            return value
        try:
            real = float(value)
        except OverflowError:
            real = math.inf
        if not math.isfinite(real) and (self.interval is None or real not in self.interval):
            fail(f"must be a finite number, got {real}")
        if self.whole and not real.is_integer():
            fail(f"must be a whole number, got {real!r}")
        return int(real) if self.whole else real

    def json(self) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "integer" if self.whole else "number"}
        if self.interval is not None and self.interval.low != -math.inf:
            schema["minimum" if self.interval.low_closed else "exclusiveMinimum"] = _shortest(self.interval.low)
        if self.interval is not None and self.interval.high != math.inf:
            schema["maximum" if self.interval.high_closed else "exclusiveMaximum"] = _shortest(self.interval.high)
        if self.suffix is None:
            return schema
        text = {"type": "string", "pattern": quantities.pattern(self.suffix), "examples": [quantities.example(self.suffix)]}
        return {"anyOf": [schema, text]}


def _shortest(bound: float) -> int | float:
    return int(bound) if bound.is_integer() else bound


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


class Text(Leaf):
    """Text without control characters; a number or a boolean must be put in quotes."""

    def read(self, value: object) -> str:
        if isinstance(value, str):
            if found := _CONTROL.search(value):
                fail(f"the character U+{ord(found[0]):04X} has no place here; got the text {shortened(value)!r}")
            return value
        hint = ": put it in quotes" if isinstance(value, bool | int | float) else ""
        fail(f"expected text, got {got(value)}{hint}")

    def json(self) -> dict[str, Any]:
        return {"type": "string"}


class Flag(Leaf):
    """true or false, nothing else."""

    def read(self, value: object) -> bool:
        if isinstance(value, bool):
            return value
        meant = {"true": "true", "yes": "true", "on": "true", "false": "false", "no": "false", "off": "false"}
        word = meant.get(value.lower()) if isinstance(value, str) else None
        fail(f"expected true or false, got {got(value)}{f': write {word}' if word else ''}")

    def json(self) -> dict[str, Any]:
        return {"type": "boolean"}


class Choice(Leaf):
    """One of a few values."""

    def __init__(self, options: Sequence[str | int | float | bool | None]) -> None:
        self.options = tuple(options)

    def read(self, value: object) -> Any:
        for option in self.options:
            if type(option) is type(value) and option == value:
                return option
        near = did_you_mean(value, map(str, self.options)) if isinstance(value, str) else ""
        fail(f"must be one of {', '.join(map(str, self.options))}; got {got(value)}{near}")

    def json(self) -> dict[str, Any]:
        return {"enum": list(self.options)}


class Profile(Leaf):
    """The name of a device or radio profile.

    folder  devices or radios
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def _known(self) -> list[str]:
        return kinds.devices() if self.folder == "devices" else kinds.radios()

    def read(self, value: object) -> str:
        name = Text().read(value)
        known = self._known()
        if name not in known:
            one = self.folder[:-1]
            fail(f"unknown {one} {shortened(name)!r}{did_you_mean(name, known)} ({self.folder}: {', '.join(known)})")
        return name

    def json(self) -> dict[str, Any]:
        return {"enum": self._known()}


class Either(Leaf):
    """Any of several leaves; the first that takes the value wins."""

    def __init__(self, options: Sequence[Leaf]) -> None:
        self.options = tuple(options)

    def read(self, value: object) -> Any:
        said = []
        for option in self.options:
            try:
                return option.read(value)
            except PydanticCustomError as error:
                if error.type == REFUSED_TYPE:
                    raise
                said.append(error.message())
        fail("; or ".join(said))

    def json(self) -> dict[str, Any]:
        return {"anyOf": [option.json() for option in self.options]}
