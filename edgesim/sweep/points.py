"""The points of a sweep: every combination of its axes and seeds as a checked scenario."""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgesim.errors import ScenarioError, UsageError
from edgesim.load import load, scenario_error
from edgesim.overrides import Override, parse
from edgesim.scenario import Scenario
from edgesim.sweep.axes import Keys, Setting, axes_of, changes_of, clashes, flow_text, seeds_of, settings, too_many
from edgesim.sweep.document import LABEL, Document
from edgesim.sweep.skip import Skip, scenario_bytes, value_at
from edgesim.yaml_nodes import Node, Place, Problem, dotted, plain

HASH_DIGITS = 12  # of a point's name
_PLACE = re.compile(r"^.*?:\d+:\d+: ")


@dataclass(frozen=True)
class Point:
    """One run of a sweep.

    id        names its folder: hash of the resolved scenario, seed
    label     of a listed point, None where it has none
    values    what the axes say about it: dotted path -> number, text, boolean or None
    scenario  what is run, the seed included
    """

    id: str
    label: str | None
    values: Mapping[str, Any]
    scenario: Scenario

    def words(self) -> str:
        """The point for a message; a label stands for the whole nodes of its point."""
        said = [self.label] if self.label else []
        told = {path: value for path, value in self.values.items() if value is not None and not (said and _is_node(value))}
        return ", ".join([*said, *(f"{path}={value}" for path, value in told.items()), f"seed {self.scenario.seed}"])


def expand(document: Document, overrides: Sequence[str] | Mapping[str, Any] = ()) -> list[Point]:
    """Every point, checked: listed points outermost, then zipped axes, then the grid, seeds innermost.

    overrides  change all points, like `--set` of a run; they go before the file's `set`

    ScenarioError holds every problem of the file and of every point; UsageError: an override that is none or varies.
    """
    axes, fixed = axes_of(document), settings(document.mapping("set"))
    problems = [*clashes(axes, fixed), *too_many(document, axes)]
    if problems:
        raise scenario_error(problems)
    changes = parse(overrides)
    for change in changes:
        if any(path[: len(change.path)] == change.path for axis in axes for setting in axis for path in setting):
            raise UsageError(f"{change.source}: the sweep varies it; change the axis in {document.path}")
    combinations = [dict(fixed) | {k: v for part in parts for k, v in part.items()} for parts in itertools.product(*axes)]
    kept = Skip(document, changes).kept(combinations)
    varied = {path for axis in axes for setting in axis for path in setting}
    return _points(document, kept, varied, changes)


def _points(document: Document, combinations: list[Setting], varied: set[Keys], changes: list[Override]) -> list[Point]:
    """Load every combination with every seed."""
    scenario_bytes(document)
    said: dict[str, tuple[str, list[Setting]]] = {}
    points: list[Point] = []
    for setting in combinations:
        try:
            loaded = load(document.scenario, [*changes_of(setting), *changes])
        except ScenarioError as error:
            for line in error.problems:
                said.setdefault(_PLACE.sub("", line), (line, []))[1].append(setting)
            continue
        points += _with_seeds(document, setting, varied, loaded)
    if said:
        raise ScenarioError([_with_count(line, wrong, len(combinations), varied) for line, wrong in said.values()])
    if not points:
        raise scenario_error([Problem(document.place("skip"), "every point is skipped; nothing is left to run")])
    _distinct(document, points)
    return points


def _with_count(line: str, wrong: list[Setting], total: int, varied: set[Keys]) -> str:
    """The problem, and where it is not one of every point, an example."""
    if len(wrong) == total:
        return line
    example = ", ".join(f"{dotted(path)}={flow_text(plain(node))}" for path, node in wrong[0].items() if path in varied)
    return f"{line} [{len(wrong)} of {total} points, such as {example}; `skip` leaves impossible points out]"


def _with_seeds(document: Document, setting: Setting, varied: set[Keys], loaded: Scenario) -> Iterator[Point]:
    digest, resolved = loaded.digest[:HASH_DIGITS], loaded.resolved()
    label = setting.get((LABEL,))
    values = {}
    for path in sorted(varied - {(LABEL,)}, key=lambda path: [str(step) for step in path]):
        values[dotted(path)] = _shown(value_at(resolved, path), setting.get(path))
    for seed in seeds_of(document) or [loaded.seed]:
        name = f"{digest}-s{seed}" + ("-timing" if document.timing_only else "")
        yield Point(name, None if label is None else str(label.value), values, loaded.model_copy(update={"seed": seed}))


def _is_node(value: object) -> bool:
    """Whether it is a whole node as text."""
    return isinstance(value, str) and value[:1] in ("{", "[")


def _shown(resolved: object, given: Node | None) -> object:
    """A value for a table: in SI units where it is a number, as given where it is a whole node."""
    if isinstance(resolved, str | bool | int | float):
        return resolved
    if given is None or given.value is None:
        return None
    return given.value if isinstance(given.value, str | bool | int | float) else flow_text(plain(given))


def _distinct(document: Document, points: list[Point]) -> None:
    first: dict[str, Point] = {}
    for point in points:
        same = first.setdefault(point.id, point)
        if same is not point:
            message = f"two points are the same run: ({same.words()}) and ({point.words()}); remove one of them"
            raise scenario_error([Problem(Place(str(document.path), 1, 1), message)])
