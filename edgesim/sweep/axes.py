"""The axes of a sweep: what varies together, what is crossed, and whether that makes sense."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from copy import deepcopy

from edgesim.load import scenario_error
from edgesim.overrides import Override, steps
from edgesim.sweep.document import LABEL, Document
from edgesim.yaml_nodes import Node, Place, Problem, dotted, plain, write

MOST_POINTS = 10_000

Keys = tuple[str | int, ...]
Setting = dict[Keys, Node]  # what one point sets; its label stands under (LABEL,)


def settings(mapping: Mapping[str, Node]) -> Setting:
    """A mapping of the file, its paths taken apart."""
    return {label_or_steps(path): node for path, node in mapping.items()}


def label_or_steps(path: str) -> Keys:
    """A path of the file as keys."""
    return (LABEL,) if path == LABEL else steps(path)


def axes_of(document: Document) -> list[list[Setting]]:
    """Each axis as the settings it takes in turn."""
    axes: list[list[Setting]] = []
    listed = [settings(item) for _, item in document.mappings("list")]
    axes += [listed] if listed else []
    for place, item in document.mappings("zip"):
        columns = {steps(path): _values(node) for path, node in item.items()}
        if len({len(values) for values in columns.values()}) > 1:
            lengths = ", ".join(f"{dotted(path)} {len(values)}" for path, values in columns.items())
            raise scenario_error([Problem(place, f"zipped lists must be equally long ({lengths} values)")])
        rows = zip(*columns.values(), strict=True)
        axes.append([dict(zip(columns, row, strict=True)) for row in rows])
    axes += [[{steps(path): value} for value in _values(node)] for path, node in document.mapping("grid").items()]
    return axes


def _values(node: Node) -> list[Node]:
    assert isinstance(node.value, list)  # the document's shape was checked
    return node.value


def clashes(axes: list[list[Setting]], fixed: Setting) -> Iterator[Problem]:
    """Keys that two axes vary, or that an axis varies and `set` fixes; labels that name two points."""
    owner: dict[Keys, int] = dict.fromkeys(fixed, -1)
    for number, axis in enumerate(axes):
        for path in {path: None for setting in axis for path in setting}:
            if owner.setdefault(path, number) != number:
                node = next(setting[path] for setting in axis if path in setting)
                what = "`set` fixes it too" if owner[path] < 0 else "another axis varies it too"
                yield Problem(node.place, f"{dotted(path)}: {what}; keep one of them")
        names = Counter(str(setting[(LABEL,)].value) for setting in axis if (LABEL,) in setting)
        twice = [setting[(LABEL,)] for setting in axis if (LABEL,) in setting and names[str(setting[(LABEL,)].value)] > 1]
        if twice:
            yield Problem(twice[-1].place, f"label {twice[-1].value!r} names two points; give each its own")


def too_many(document: Document, axes: list[list[Setting]]) -> Iterator[Problem]:
    """A seed listed twice, or more points than a sweep may have."""
    seeds = seeds_of(document)
    if len(set(seeds)) < len(seeds):
        yield Problem(document.place("seeds"), "a seed is listed twice; each seed is one run")
    count = math.prod(len(axis) for axis in axes) * max(1, len(seeds))
    if count > MOST_POINTS:
        whole = Place(str(document.path), 1, 1)
        yield Problem(whole, f"{count} points, at most {MOST_POINTS}: take fewer values on an axis, or split the sweep")


def seeds_of(document: Document) -> list[int]:
    """The seeds; none where the file leaves them to the scenario."""
    return [int(node.value) for node in document.seeds if isinstance(node.value, int | float)]


def changes_of(setting: Setting) -> list[Override]:
    """The setting as overrides, whole nodes before the keys inside them, so that no value is lost."""
    ordered = sorted(((path, node) for path, node in setting.items() if path != (LABEL,)), key=lambda pair: len(pair[0]))
    return [
        Override(path, _standing_at(node, str(node.place)), str(node.place), f"{dotted(path)}={flow_text(plain(node))}")
        for path, node in ordered
    ]


def _standing_at(node: Node, source: str) -> Node:
    """A copy that counts as given by an override, so that a later `kind` drops none of its knobs."""
    copied = deepcopy(node)
    waiting = [copied]
    while waiting:
        found = waiting.pop()
        found.place = found.key = Place(source)
        inner = found.value
        waiting += list(inner.values()) if isinstance(inner, dict) else inner if isinstance(inner, list) else []
    return copied


def flow_text(value: object) -> str:
    """A value as YAML in one line."""
    return write(value, flow=True).removesuffix("...\n").strip()
