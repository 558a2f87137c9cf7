"""Points that a sweep leaves out."""

from copy import deepcopy

from edgesim.errors import UsageError
from edgesim.load import content_of, scenario_error
from edgesim.overrides import Override, apply
from edgesim.sweep.axes import Keys, Setting, changes_of, label_or_steps
from edgesim.sweep.document import LABEL, Document
from edgesim.yaml_nodes import Node, Problem, plain
from edgesim.yaml_reader import read


def scenario_bytes(document: Document) -> bytes:
    try:
        return content_of(document.scenario)
    except UsageError as error:
        raise scenario_error([Problem(document.place("scenario"), str(error))]) from None


class Skip:
    """The conditions on which a point is left out.

    A condition is compared with the scenario as it is written after all changes, before defaults are filled in.
    """

    def __init__(self, document: Document, changes: list[Override]) -> None:
        self.conditions = [item for _, item in document.mappings("skip")]
        self._changes = changes
        self._base: Node | None = None
        if self.conditions:
            self._base, _ = read(scenario_bytes(document), str(document.scenario))

    def kept(self, combinations: list[Setting]) -> list[Setting]:
        """Those that no condition leaves out. ScenarioError for a condition on a key that no point has."""
        if self._base is None:
            return combinations
        contents = [self._content(setting) for setting in combinations]
        problems = [
            Problem(node.key, f"skip: no point has {path!r}: every condition names a key that is set somewhere, or `label`")
            for condition in self.conditions
            for path, node in condition.items()
            if all(MISSING is value_at(content, label_or_steps(path)) for content in contents)
        ]
        if problems:
            raise scenario_error(problems)
        return [setting for setting, content in zip(combinations, contents, strict=True) if not self._skipped(content)]

    def _content(self, setting: Setting) -> object:
        root = deepcopy(self._base)
        assert root is not None
        apply(root, [*changes_of(setting), *self._changes])
        content = plain(root)
        if isinstance(content, dict) and (LABEL,) in setting:
            content[LABEL] = setting[(LABEL,)].value
        return content

    def _skipped(self, content: object) -> bool:
        return any(all(self._matches(content, path, node) for path, node in item.items()) for item in self.conditions)

    def _matches(self, content: object, path: str, node: Node) -> bool:
        wanted = plain(node)
        found = value_at(content, label_or_steps(path))
        return any((type(found) is type(each) and found == each) or _same_number(found, each) for each in _as_list(wanted))


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _same_number(first: object, second: object) -> bool:
    numbers = [value for value in (first, second) if isinstance(value, int | float) and not isinstance(value, bool)]
    return len(numbers) == 2 and numbers[0] == numbers[1]


MISSING = object()


def value_at(content: object, path: Keys) -> object:
    """The value at a path; `clients.device` reaches into the only group, `codec.kind` a bare name."""
    for step in path:
        if step == "kind" and isinstance(content, str):
            continue
        if isinstance(content, list) and len(content) == 1 and isinstance(step, str):
            content = content[0]
        inside = isinstance(content, dict) and step in content
        if isinstance(content, list) and isinstance(step, int):
            inside = step < len(content)
        if not inside:
            return MISSING
        content = content[step]  # type: ignore[index]
    return content
