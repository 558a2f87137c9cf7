"""The nodes of a YAML document with their places, what a scalar means, and writing YAML back.

Numbers are what they look like (`1e6`, `5.0e9`, `1e-3`), only `true` and `false` are booleans (`no`, `on`, `yes` are text),
nothing is a date or a sexagesimal number. `edgesim.yaml_reader` reads documents.
"""

import math
import re
from dataclasses import dataclass
from typing import NamedTuple

import yaml

_INTEGER = re.compile(r"[+-]?[0-9]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_REAL = re.compile(r"[+-]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][+-]?[0-9]+)?")
_NOT_FINITE = {".inf": math.inf, "+.inf": math.inf, "-.inf": -math.inf, ".nan": math.nan}
_MOST_DIGITS = 400  # more than any float holds; int() of an endless number would take quadratic time


class Place(NamedTuple):
    """Where a node stands: in a file (line and column from 1 on), or in an override (line 0)."""

    source: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


class Problem(NamedTuple):
    """One thing wrong with a document."""

    place: Place
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class Refused:
    """Stands for a value that was refused, so that nobody complains about it twice."""

    def __repr__(self) -> str:
        return "(refused)"


REFUSED = Refused()


@dataclass(slots=True)
class Node:
    """A scalar, a list of nodes or a mapping of nodes.

    place  of the value
    key    of the key that leads here; the value's own place in a list
    was    for a mapping whose `kind` was overridden: the kind it had in the file
    """

    value: "str | int | float | bool | Refused | list[Node] | dict[str, Node] | None"
    place: Place
    key: Place
    was: str | None = None


class Rekinded(dict[str, object]):
    """A mapping whose `kind` was overridden: `was` is the kind in the file, `from_file` the keys that the file gave."""

    def __init__(self, items: dict[str, object], was: str, from_file: frozenset[str]) -> None:
        super().__init__(items)
        self.was = was
        self.from_file = from_file


def plain(node: Node) -> object:
    """The node as dicts, lists and scalars."""
    if isinstance(node.value, list):
        return [plain(item) for item in node.value]
    if isinstance(node.value, dict):
        items = {key: plain(item) for key, item in node.value.items()}
        if node.was is None:
            return items
        return Rekinded(items, node.was, frozenset(key for key, item in node.value.items() if item.key.line))
    return node.value


def place_of(root: Node, path: tuple[str | int, ...], *, key: bool = False) -> Place:
    """Where the node at `path` stands; its nearest ancestor where the document does not hold it.

    key  the place of the key that leads to it instead of the value's
    """
    node = root
    for step in as_written(root, path):
        child = _child(node, step)
        if child is None:
            return node.key
        node = child
    return node.key if key else node.place


def dotted(path: tuple[str | int, ...]) -> str:
    """A path as it is written in an override: `clients[0].device`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def as_written(root: Node, path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """The path as the document has it: without the index where a single mapping stands for a list of one."""
    node: Node | None = root
    kept: list[str | int] = []
    for step in path:
        single = node is not None and isinstance(node.value, dict) and isinstance(step, int)
        if not single:
            kept.append(step)
            node = _child(node, step)
    return tuple(kept)


def _child(node: Node | None, step: str | int) -> Node | None:
    if node is not None and isinstance(node.value, dict) and isinstance(step, str):
        return node.value.get(step)
    if node is not None and isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
        return node.value[step]
    return None


class _Writer(yaml.SafeDumper):
    """Writes block style without anchors, and quotes every text that `scalar` would take for something else."""

    def ignore_aliases(self, data: object) -> bool:
        return True

    def text(self, data: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=None if scalar(data) is data else '"')


_Writer.add_representer(str, _Writer.text)


def write(data: object, *, flow: bool = False) -> str:
    """The data (dicts, lists, scalars) as YAML text from which a reader gives it back; with `flow` in one line."""
    return str(yaml.dump(data, Dumper=_Writer, default_flow_style=flow, sort_keys=False, allow_unicode=True, width=1 << 16))


def scalar(text: str, is_plain: bool = True) -> str | int | float | bool | None:
    """The value of a scalar: quoted text is text, plain text is a number, a boolean or null where it looks like one.

    >>> scalar("1e6"), scalar("5.0e9"), scalar("no"), scalar("true"), scalar("010"), scalar("1:30"), scalar("12_000")
    (1000000.0, 5000000000.0, 'no', True, 10, '1:30', '12_000')
    """
    if not is_plain:
        return text
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if _INTEGER.fullmatch(text):
        return int(text) if len(text) <= _MOST_DIGITS else float(text)
    if _HEXADECIMAL.fullmatch(text):
        return int(text, 16) if len(text) <= _MOST_DIGITS else math.inf
    if _REAL.fullmatch(text):
        return float(text)
    return _NOT_FINITE.get(text.lower(), text)
