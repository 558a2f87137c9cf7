"""From a YAML file to a checked scenario, with every problem of the file at once as `file:line:column: message`."""

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from edgesim import checks, limits
from edgesim.errors import ScenarioError, UsageError
from edgesim.leaves import REFUSED_TYPE
from edgesim.overrides import Override, apply, parse
from edgesim.scenario import FILE, Origin, Scenario
from edgesim.sections import MISSING_TYPE, UNKNOWN_TYPE
from edgesim.yaml_nodes import Node, Place, Problem, as_written, dotted, place_of, plain
from edgesim.yaml_reader import MOST_BYTES, read

_MOST_SHOWN = 100
_HERE = Path(__file__).resolve().parent


class Finding(NamedTuple):
    """One thing wrong with the content of a scenario: where, what sort of error, and what to say."""

    path: tuple[str | int, ...]
    sort: str
    message: str


def load(path: str | Path, overrides: Sequence[str | Override] | Mapping[str, Any] = (), seed: int | None = None) -> Scenario:
    """Read, change and check a scenario.

    path       the file
    overrides  changes, as `path=value` texts or read before, or as a mapping of paths to values (rules in `edgesim.overrides`)
    seed       replaces the scenario's seed

    ScenarioError holds every problem, in the order of the file. UsageError: no such file, or an override that is none.
    """
    path = Path(path)
    changes = parse(overrides)
    data = content_of(path)
    root, problems = read(data, str(path))
    if root is None:
        empty = Problem(Place(str(path), 1, 1), "the file is empty; `edgesim init` writes a scenario to start from")
        raise scenario_error(problems or [empty])
    if isinstance(root.value, dict):
        if "scenario" in root.value and "model" not in root.value:
            raise scenario_error([Problem(root.place, f"this is a sweep, not a scenario: `edgesim sweep {path}` runs it")])
        problems += apply(root, changes)
        if seed is not None:
            root.value["seed"] = Node(seed, Place("--seed"), Place("--seed"))
    content = plain(root)
    if isinstance(content, dict):
        content.setdefault("name", name_of(path))
        _anchor(content, path.parent)
    scenario, findings = examine(content)
    problems += [placed(root, finding) for finding in findings]
    if scenario is None or problems:
        raise scenario_error(problems)
    scenario._origin = Origin(data.decode("utf-8-sig"), tuple(change.text for change in changes), root)
    return scenario


def starter() -> str:
    """A commented scenario to start from, as `edgesim init` prints it."""
    return (_HERE / "starter.yaml").read_text(encoding="utf-8")


def examine(content: object) -> tuple[Scenario | None, list[Finding]]:
    """Check plain content. Cross-checks run on the sections that are right, even when others are wrong, unless
    something in them is too large.
    """
    scenario: Scenario | None = None
    findings: list[Finding] = []
    try:
        scenario = Scenario.model_validate(content)
        sections = dict(scenario)
    except ValidationError as error:
        findings = [Finding(found["loc"], found["type"], found["msg"]) for found in error.errors(include_url=False)]
        broken = {finding.path[0] if finding.path else None for finding in findings}
        given = content if isinstance(content, dict) else {}
        sections = {name: _section(name, given) for name in Scenario.model_fields if not broken & {name, None}}
    findings += [Finding(path, "check", message) for path, message in limits.findings(sections) or checks.findings(sections)]
    return scenario, [finding for finding in findings if finding.sort != REFUSED_TYPE]


def _section(name: str, given: dict[str, Any]) -> Any:
    field = Scenario.model_fields[name]
    if name not in given:
        return field.get_default(call_default_factory=True)
    annotation: Any = field.annotation
    return TypeAdapter(Annotated[annotation, *field.metadata] if field.metadata else annotation).validate_python(given[name])


def placed(root: Node, finding: Finding) -> Problem:
    """The finding at its place: a missing key at its parent, an unknown key at the key, anything else at the value."""
    parent, sort = finding.path[:-1], finding.sort
    place = place_of(root, parent, key=True) if sort == MISSING_TYPE else place_of(root, finding.path, key=sort == UNKNOWN_TYPE)
    about = dotted(as_written(root, parent if sort in (MISSING_TYPE, UNKNOWN_TYPE) else finding.path))
    return Problem(place, f"{about}: {finding.message}" if about else finding.message)


def scenario_error(problems: Sequence[Problem]) -> ScenarioError:
    """All problems in the order of the file, those of overrides last."""
    ordered = sorted(set(problems), key=lambda problem: (problem.place.line == 0, problem.place, problem.message))
    lines = [str(problem) for problem in ordered[:_MOST_SHOWN]]
    if len(ordered) > _MOST_SHOWN:
        lines.append(f"{ordered[0].place.source}: and {len(ordered) - _MOST_SHOWN} more problems")
    return ScenarioError(lines)


def content_of(path: Path) -> bytes:
    """The file's content, or just enough of it to see that it is too large."""
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file{_neighbours(path)}") from None
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{path}: cannot be read: {reason}") from None


def _anchor(node: object, folder: Path) -> None:
    """Let relative names of files, in knobs called `..._file`, begin in a folder: the scenario's."""
    for key, value in [*node.items()] if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if isinstance(value, str) and isinstance(key, str) and key.endswith(FILE):
            node[key] = str((folder / Path(value).expanduser()).absolute())  # type: ignore[index]
        else:
            _anchor(value, folder)


def _neighbours(path: Path) -> str:
    """What may have been meant: the nearest file of that folder, or of the scenarios below it; else what the folder holds."""
    for folder in (path.parent, path.parent / "scenarios"):
        near = difflib.get_close_matches(path.stem, sorted(other.stem for other in folder.glob("*.yaml")), n=1)
        if near:
            return f", did you mean '{folder / near[0]}.yaml'?"
    found = sorted(other.name for other in path.parent.glob("*.yaml"))
    return f" ({path.parent} holds {', '.join(found[:20])})" if found else ""


def name_of(path: Path) -> str:
    """The file's name without its ending, fit for a folder."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-._")[:100] or "scenario"
