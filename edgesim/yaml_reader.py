"""A YAML reader that keeps the position of every node and accepts only the plain part of YAML.

Mappings, lists and scalars are read. Refused with a message are duplicate keys, anchors, aliases, merge keys, tags, a second
document, and files too large, too deep or too long. PyYAML's constructors are never called: it only splits the text into
events.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from edgesim.quantities import shortened
from edgesim.yaml_nodes import REFUSED, Node, Place, Problem, scalar

MOST_BYTES = 1 << 20
MOST_NODES = 10_000
MOST_DEPTH = 32
_TAB = "found character '\\t' that cannot start any token"


class StopReadingError(Exception):
    """Reading cannot go on; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def read(data: bytes, source: str) -> tuple[Node | None, list[Problem]]:
    """Read one document. Gives its root (None if nothing could be read) and everything wrong with it so far.

    source  how positions name the document: a file's path
    """
    if len(data) > MOST_BYTES:
        return None, [Problem(Place(source, 1, 1), f"the file is larger than {MOST_BYTES >> 20} MiB; a scenario is smaller")]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        place = Place(source, before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
        return None, [Problem(place, "not UTF-8 text; save the file as UTF-8")]
    return _compose(text, source, in_file=True)


def read_value(text: str, source: str) -> tuple[Node | None, list[Problem]]:
    """Read the value of an override. All its nodes stand at `source`."""
    if len(text) > MOST_BYTES:
        return None, [Problem(Place(source), f"the value is longer than {MOST_BYTES >> 20} MiB")]
    return _compose(text, source, in_file=False)


def _compose(text: str, source: str, in_file: bool) -> tuple[Node | None, list[Problem]]:
    composer = _Composer(text, source, in_file)
    try:
        return composer.document(), composer.problems
    except StopReadingError as stop:
        return None, [*composer.problems, stop.problem]
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = composer.place_at(before.count("\n"), error.position - before.rfind("\n") - 1)
        message = f"the character U+{ord(text[error.position]):04X} is not allowed in YAML"
        return None, [*composer.problems, Problem(place, message)]
    except yaml.MarkedYAMLError as error:
        return None, [*composer.problems, composer.syntax(error)]


@dataclass(slots=True)
class _Composer:
    """Builds nodes from PyYAML's events."""

    text: str
    source: str
    in_file: bool
    problems: list[Problem] = field(default_factory=list)
    nodes: int = 0
    events: Iterator[yaml.Event] = field(init=False)

    def __post_init__(self) -> None:
        self.events = yaml.parse(self.text, Loader=yaml.SafeLoader)

    def place_at(self, line: int, column: int) -> Place:
        return Place(self.source, line + 1, column + 1) if self.in_file else Place(self.source)

    def at(self, mark: "yaml.error.Mark | yaml._yaml.Mark | None") -> Place:
        return self.place_at(mark.line, mark.column) if mark else self.place_at(0, 0)

    def place(self, event: yaml.Event) -> Place:
        return self.at(event.start_mark)

    def syntax(self, error: yaml.MarkedYAMLError) -> Problem:
        said = (error.problem or "").replace(_TAB, "a tab character; indent with spaces")
        context = f" ({error.context})" if error.context else ""
        return Problem(self.at(error.problem_mark or error.context_mark), f"not valid YAML: {said}{context}")

    def refuse(self, event: yaml.Event, message: str) -> None:
        self.problems.append(Problem(self.place(event), message))

    def document(self) -> Node | None:
        """The root of the only document."""
        root: Node | None = None
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise StopReadingError(
                        Problem(self.place(event), "a second document begins here; one file holds one scenario")
                    )
                root = self.node(next(self.events), 1, None)
        return root

    def node(self, event: yaml.Event, depth: int, key: Place | None) -> Node:
        """The node that begins with `event`."""
        place = self.place(event)
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise StopReadingError(Problem(place, f"more than {MOST_NODES} nodes; a scenario is smaller"))
        if depth > MOST_DEPTH:
            raise StopReadingError(Problem(place, f"nested deeper than {MOST_DEPTH} levels; a scenario is flatter"))
        node = Node(REFUSED, place, key or place)
        accepted = self.accept(event)
        if isinstance(event, yaml.ScalarEvent):
            value = scalar(event.value, is_plain=event.style is None)
            node.value = value if accepted else REFUSED
        elif isinstance(event, yaml.SequenceStartEvent):
            items = self.items(depth)
            node.value = items if accepted else REFUSED
        elif isinstance(event, yaml.MappingStartEvent):
            mapping = self.mapping(depth)
            node.value = mapping if accepted else REFUSED
        return node

    def accept(self, event: yaml.Event) -> bool:
        """Whether the event is free of what is refused; says so where it is not."""
        if isinstance(event, yaml.AliasEvent):
            self.refuse(event, f"alias *{shortened(str(event.anchor))}: aliases are not allowed; write the value out")
            return False
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            self.refuse(event, f"anchor &{shortened(event.anchor)}: anchors are not allowed; write the value where it is used")
        tag = event.tag if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) else None
        if tag is not None:
            self.refuse(event, f"tag {shortened(tag.replace('tag:yaml.org,2002:', '!!'))}: tags are not allowed; remove it")
        return tag is None

    def items(self, depth: int) -> list[Node]:
        items = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self.node(event, depth + 1, None))
        return items

    def mapping(self, depth: int) -> dict[str, Node]:
        mapping: dict[str, Node] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            name = self.key_name(event, depth)
            value = self.node(next(self.events), depth + 1, self.place(event))
            if name is None:
                continue
            if name in mapping:
                first = mapping[name].key
                where = f" (first in line {first.line})" if first.line else ""
                self.refuse(event, f"duplicate key {shortened(name)!r}{where}; keep one")
                continue
            mapping[name] = value
        return mapping

    def key_name(self, event: yaml.Event, depth: int) -> str | None:
        """The name of a key, or None where the key is refused."""
        if not isinstance(event, yaml.ScalarEvent):
            key = self.node(event, depth + 1, None)  # reads past a list or mapping
            if key.value is not REFUSED:
                self.refuse(event, "a key must be a name, not a list or a mapping")
            return None
        self.nodes += 1
        if not self.accept(event):
            return None
        if event.style is None and event.value == "<<":
            self.refuse(event, "merge key <<: merge keys are not allowed; write the keys out")
            return None
        return str(event.value)
