"""`--set path=value`: changing nodes of a scenario before it is checked.

A path names keys and list entries, `uplink.codec.xi` or `clients[0].device`; the value is YAML. Keys on the way that the file
lacks are created, so a wrong path is reported like a wrong key of the file, with the nearest name, at `--set path`. A bare
kind name on the way (`codec: adc`) becomes `{kind: adc}`; `clients[0]` also reaches a single group that is not in a list.

Setting the `kind` of a node keeps the knobs that the new kind has too, and drops those that only the old kind had, if they
came from the file. Knobs set by an override, and keys that neither kind knows, are never dropped: they stay and are reported.
The order of overrides does not matter for this. Setting the whole node (`uplink.codec=topk`) replaces all of it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from os import PathLike, fspath
from typing import Any, NamedTuple

from edgesim.errors import UsageError
from edgesim.yaml_nodes import Node, Place, Problem, dotted, plain, write
from edgesim.yaml_reader import read_value

_STEP = re.compile(r"\.([A-Za-z_][A-Za-z0-9_-]*)|\[([0-9]{1,6})\]")


class Override(NamedTuple):
    """One change.

    path    keys and list indices
    node    the new value, None where it could not be read
    source  how messages name it: `--set uplink.codec.xi`
    text    `path=value`, as recorded beside the results
    """

    path: tuple[str | int, ...]
    node: Node | None
    source: str
    text: str
    problems: tuple[Problem, ...] = ()


def parse(given: Sequence[str | Override] | Mapping[str, Any]) -> list[Override]:
    """Overrides from `path=value` texts (those read before stay as they are) or from a mapping of paths to plain values.

    UsageError where a path is none.
    """
    if isinstance(given, str):
        raise UsageError(f"overrides are a list of path=value or a mapping, got the text {given!r}")
    if isinstance(given, Mapping):
        return [_from_python(path, value) for path, value in given.items()]
    found = []
    for text in given:
        if isinstance(text, Override):
            found.append(text)
            continue
        path, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--set {text}: expected path=value, such as --set uplink.codec.xi=0.1")
        found.append(_override(path.strip(), value.strip()))
    return found


def _override(path: str, text: str) -> Override:
    source = f"--set {path}"
    node, problems = read_value(text, source)
    if node is None and not problems:
        node = Node(None, Place(source), Place(source))
    return Override(steps(path), node, source, f"{path}={text}", tuple(problems))


def _from_python(path: str, value: object) -> Override:
    source = f"--set {path}"
    node = _wrapped(value, Place(source))
    text = write(plain(node), flow=True).removesuffix("...\n").strip()
    return Override(steps(path), node, source, f"{path}={text}")


def _wrapped(value: object, place: Place) -> Node:
    """Plain Python data as nodes; UsageError for anything that YAML has no word for."""
    if isinstance(value, Mapping):
        return Node({str(key): _wrapped(item, place) for key, item in value.items()}, place, place)
    if isinstance(value, list | tuple):
        return Node([_wrapped(item, place) for item in value], place, place)
    if value is None or isinstance(value, str | bool):
        return Node(value, place, place)
    if isinstance(value, PathLike):
        return Node(str(fspath(value)), place, place)
    if isinstance(value, Integral | Real):  # numpy's numbers too
        return Node(int(value) if isinstance(value, Integral) else float(value), place, place)
    raise UsageError(f"{place}: a {type(value).__name__} is no value of a scenario; give text, numbers, lists or mappings")


def steps(path: str) -> tuple[str | int, ...]:
    """`clients[0].device` -> ("clients", 0, "device")."""
    dotted = f".{path}"
    found: list[str | int] = []
    position = 0
    while position < len(dotted):
        match = _STEP.match(dotted, position)
        if match is None:
            raise UsageError(f"--set {path}: not a path; write it as uplink.codec.xi or clients[0].device")
        found.append(match.group(1) if match.group(2) is None else int(match.group(2)))
        position = match.end()
    return tuple(found)


def apply(root: Node, overrides: Iterable[Override]) -> list[Problem]:
    """Change the tree in place; gives what could not be done."""
    problems: list[Problem] = []
    for override in overrides:
        problems += override.problems
        problem = _set(root, override, override.node) if override.node is not None else None
        problems += [problem] if problem else []
    return problems


def _set(root: Node, override: Override, given: Node) -> Problem | None:
    place = Place(override.source)
    node = root
    for done, step in enumerate(override.path[:-1]):
        one_group = step == 0 and override.path[:done] == ("clients",) and isinstance(node.value, dict)
        following = node if one_group else _into(node, step, place)
        if following is None:
            return Problem(place, _no_way(node, override.path[:done], step))
        node = following
    return _put(node, override.path, Node(given.value, place, place))


def _into(node: Node, step: str | int, place: Place) -> Node | None:
    """The child of a node on the way, made where the file lacks it; None where the node cannot have it."""
    if isinstance(step, int):
        return node.value[step] if isinstance(node.value, list) and step < len(node.value) else None
    if isinstance(node.value, str):
        node.value = {"kind": Node(node.value, node.place, node.key)}
    if not isinstance(node.value, dict):
        return None
    return node.value.setdefault(step, Node({}, place, place))


def _put(node: Node, path: tuple[str | int, ...], new: Node) -> Problem | None:
    """Give the node a new child under the last step of the path."""
    last = path[-1]
    if isinstance(last, int) and isinstance(node.value, list) and last < len(node.value):
        node.value[last] = new
        return None
    if isinstance(last, str) and isinstance(node.value, str):
        node.value = {"kind": Node(node.value, node.place, node.key)}
    if isinstance(last, int) or not isinstance(node.value, dict):
        return Problem(new.place, _no_way(node, path[:-1], last))
    old = node.value.get(last)
    if last == "kind" and old is not None and old.place.line and isinstance(old.value, str):
        node.was = old.value
    node.value[last] = new
    return None


def _no_way(node: Node, path: tuple[str | int, ...], step: str | int) -> str:
    here = dotted(path) or "the scenario"
    if isinstance(node.value, list):
        hint = f"it has no entry {step}" if isinstance(step, int) else f"write {here}[0].{step}"
        return f"{here} is a list of {len(node.value)} entries (from {here}[0] on); {hint}"
    if isinstance(node.value, dict):
        return f"{here} is a mapping, it has no entry [{step}]"
    return f"{here} is neither a mapping nor a list, so it has no {step!r}"
