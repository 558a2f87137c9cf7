"""A section of a scenario: a mapping with fixed keys that complains about everything that is wrong with it, in plain words."""

import inspect
from typing import Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError

from edgesim.kind_files import knob_docs, prose
from edgesim.leaves import REFUSED_TYPE, fail, got
from edgesim.quantities import did_you_mean, shortened
from edgesim.yaml_nodes import Refused

MISSING_TYPE = "missing_key"  # its error stands at the parent; its location names the key that is not there
UNKNOWN_TYPE = "unknown_key"  # its error stands at the key


class Section(BaseModel):
    """A mapping with fixed keys. Abstract. The docstring documents the keys, a line each."""

    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())

    @classmethod
    def known(cls) -> list[str]:
        """The keys it has in YAML."""
        return [info.alias or name for name, info in cls.model_fields.items()]

    @classmethod
    def docs(cls) -> dict[str, str]:
        """What each key means."""
        return knob_docs(inspect.cleandoc(cls.__doc__ or ""))

    @model_validator(mode="wrap")
    @classmethod
    def _complete(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Check everything and complain about everything: unknown keys too, and in words that help."""
        if isinstance(value, cls):
            return value
        if not isinstance(value, dict):
            fail(f"expected a mapping with keys such as {', '.join(cls.known()[:3])}; got {got(value)}")
        known = cls.known()
        extra = {key: given for key, given in value.items() if key not in known}
        wrong = [line_error(UNKNOWN_TYPE, cls._unknown(key), (key,), given) for key, given in extra.items()]
        try:
            checked = handler(value)
        except ValidationError as error:
            wrong += [cls._reworded(found) for found in error.errors(include_url=False)]
        if wrong:
            raise ValidationError.from_exception_data(cls.__name__, wrong)
        return checked

    @classmethod
    def _unknown(cls, key: str) -> str:
        slot, dot, kind = cls.__name__.partition(".")  # a kind's node has its name
        near = did_you_mean(key, cls.known())
        known = f"; known {f'to the {slot} {kind}' if dot else 'here'}: {', '.join(cls.known()) or 'none'}"
        return f"unknown key {shortened(key)!r}" + (near or known)

    @classmethod
    def _reworded(cls, found: Any) -> InitErrorDetails:
        """A pydantic error in this program's words; errors of inner nodes are already in them."""
        sort, message, where = found["type"], found["msg"], found["loc"]
        if isinstance(found["input"], Refused):
            sort = REFUSED_TYPE
        elif sort == "missing":
            doc = cls.docs().get(where[0])
            sort, message = MISSING_TYPE, f"missing key {where[0]!r}{f': {doc}' if doc else ''}"
        elif sort == "list_type":
            message = f"expected a list, got {got(found['input'])}"
        elif sort == "dict_type":
            message = f"expected a mapping, got {got(found['input'])}"
        elif sort == "too_short":
            message = "must not be an empty list"
        return line_error(sort, message, where, found["input"])

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        made = handler.resolve_ref_schema(handler(schema))
        made["additionalProperties"] = False
        made["description"] = prose(inspect.cleandoc(cls.__doc__ or ""))
        made.pop("title", None)
        for key, node in made.get("properties", {}).items():
            node.pop("title", None)
            if key in cls.docs():
                node["description"] = cls.docs()[key]
        return made


def line_error(sort: str, message: str, where: tuple[str | int, ...], value: object) -> InitErrorDetails:
    """One line of a ValidationError: a finished message about `value`, at `where` below the node being checked."""
    return InitErrorDetails(type=PydanticCustomError(sort, "{message}", {"message": message}), loc=where, input=value)
