"""A sweep as a YAML file: which scenario, which of its values vary and how, which seeds.

The shape of the file is checked here, with the place of everything that is wrong; what the values mean is checked by loading
every point's scenario (`edgesim.sweep.points`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from edgesim.errors import UsageError
from edgesim.leaves import REFUSED_TYPE, Flag, Leaf, Number, Text, fail, got
from edgesim.load import Finding, content_of, name_of, placed, scenario_error
from edgesim.overrides import steps
from edgesim.scenario import FileName
from edgesim.sections import UNKNOWN_TYPE, Section, line_error
from edgesim.yaml_nodes import REFUSED, Node, Place, Problem, plain
from edgesim.yaml_reader import read

Size = Literal["smoke", "desk", "paper"]
LABEL = "label"  # of a listed point: its name in tables and figures
_MERGED = ("set", "grid")  # a size adds to these key by key; anything else it gives replaces the file's


class _Settings(Leaf):
    """A mapping of paths into the scenario to values.

    lists  every value is a list: what the key takes in turn
    label  the key `label` is allowed too, with a text
    """

    def __init__(self, *, lists: bool = False, label: bool = False) -> None:
        self.lists = lists
        self.label = label

    def read(self, value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            fail(f"expected a mapping of keys such as uplink.codec.xi, got {got(value)}")
        if not value:
            fail("must not be empty; leave it out, or give it a key such as uplink.codec.xi")
        wrong = []
        for path, given in value.items():
            if said := _not_a_path(path) if not (self.label and path == LABEL) else None:
                wrong.append(line_error(UNKNOWN_TYPE, said, (path,), given))
            elif said := self._not_a_value(path, given):
                wrong.append(line_error("scenario", said, (path,), given))
        if wrong:
            raise ValidationError.from_exception_data("sweep", wrong)
        return value

    def _not_a_value(self, path: str, given: object) -> str | None:
        if given is REFUSED:
            return None
        if path == LABEL and not (isinstance(given, str) and given):
            return f"expected a text that names the point, got {got(given)}"
        if not self.lists or (isinstance(given, list) and given):
            return None
        return "must not be an empty list" if given == [] else f"expected a list of values, got {got(given)}"

    def json(self) -> dict[str, Any]:
        return {"type": "object", "minProperties": 1} | ({"additionalProperties": {"type": "array"}} if self.lists else {})


class _Conditions(_Settings):
    """A mapping of paths to the value, or the values, that a point must have there to be left out."""

    def _not_a_value(self, path: str, given: object) -> str | None:
        return "must not be an empty list" if given == [] else None


def _not_a_path(path: str) -> str | None:
    if path == "seed":
        return "the seeds of a sweep are listed under `seeds`"
    try:
        steps(path)
    except UsageError:
        return f"{path!r} is not a path into the scenario; write it as uplink.codec.xi or clients[0].device"
    return None


class _Body(Section):
    """What a sweep and each of its sizes may say.

    set          values for all points: a mapping of paths to values
    grid         axes crossed with each other: a mapping of paths to lists of values
    zip          axes whose values go together: a list of mappings of paths to lists of the same length
    list         points by hand: a list of mappings of paths to values, each maybe with a `label`
    seeds        the seeds every point is run with; the scenario's own where left out
    skip         points to leave out: a list of mappings of paths to a value or several, all of which must match
    timing_only  train nothing: bits, seconds and joules without accuracy
    weights      keep the trained weights of large models too, for `edgesim plot`; those of small ones always are
    """

    set_: Annotated[dict[str, Any], _Settings()] | None = Field(None, alias="set")
    grid: Annotated[dict[str, Any], _Settings(lists=True)] | None = None
    zip_: list[Annotated[dict[str, Any], _Settings(lists=True)]] | None = Field(None, alias="zip", min_length=1)
    list_: list[Annotated[dict[str, Any], _Settings(label=True)]] | None = Field(None, alias="list", min_length=1)
    seeds: list[Annotated[int, Number("[0, inf)", whole=True)]] | None = Field(None, min_length=1)
    skip: list[Annotated[dict[str, Any], _Conditions(label=True)]] | None = Field(None, min_length=1)
    timing_only: Annotated[bool, Flag()] = False
    weights: Annotated[bool, Flag()] = False


class _Sized(_Body):
    """A size of a sweep: `set` and `grid` add to the file's key by key, anything else takes the place of the file's.

    scenario  scenario file, relative to the sweep's
    """

    scenario: Annotated[str, Text()] | None = None


class _Sizes(Section):
    """The sizes of a sweep, chosen with --size.

    smoke  seconds: does it run?
    desk   half an hour on two cores
    paper  the setting of the paper
    """

    smoke: _Sized | None = None
    desk: _Sized | None = None
    paper: _Sized | None = None


class _Sweep(_Body):
    """A sweep.

    scenario  scenario file, relative to the sweep's
    name      names the results folder; the file's name where left out
    sizes     changes for smoke, desk and paper
    """

    scenario: Annotated[str, Text()]
    name: Annotated[str, FileName()] | None = None
    sizes: _Sizes | None = None


@dataclass(frozen=True)
class Document:
    """A sweep file whose shape is right, with the chosen size merged in.

    path  the file
    text  its content as given
    name  names the results folder, the size included
    root  mapping of keys to nodes
    """

    path: Path
    text: str
    name: str
    root: Node

    @property
    def scenario(self) -> Path:
        """The scenario file."""
        return self.path.parent / str(self._keys()["scenario"].value)

    @property
    def timing_only(self) -> bool:
        """Whether nothing is trained."""
        return self._flag("timing_only")

    @property
    def weights(self) -> bool:
        """Whether the trained weights of large models are kept too."""
        return self._flag("weights")

    @property
    def seeds(self) -> list[Node]:
        """The seeds; none where the file leaves them to the scenario."""
        node = self._keys().get("seeds")
        return [] if node is None else list(_items(node))

    def mapping(self, key: str) -> dict[str, Node]:
        """`set` or `grid`; empty where it is left out."""
        node = self._keys().get(key)
        return node.value if node is not None and isinstance(node.value, dict) else {}

    def mappings(self, key: str) -> list[tuple[Place, dict[str, Node]]]:
        """`zip`, `list` or `skip`, each item with its place; empty where it is left out."""
        node = self._keys().get(key)
        return [(item.place, item.value) for item in _items(node) if isinstance(item.value, dict)] if node else []

    def place(self, key: str) -> Place:
        """Where a top-level key's value stands."""
        return self._keys()[key].place

    def _flag(self, key: str) -> bool:
        node = self._keys().get(key)
        return node is not None and bool(node.value)

    def _keys(self) -> dict[str, Node]:
        assert isinstance(self.root.value, dict)  # read_document gave no other
        return self.root.value


def _items(node: Node) -> Iterator[Node]:
    assert isinstance(node.value, list)  # the shape was checked
    yield from node.value


def read_document(path: Path, size: Size | None = None) -> Document:
    """Read a sweep file and check its shape, every size included. ScenarioError holds every problem; UsageError: no such
    file, or it has no such size.
    """
    data = content_of(path)
    root, problems = read(data, str(path))
    if root is None:
        raise scenario_error(problems or [Problem(Place(str(path), 1, 1), "the file is empty; README shows a sweep")])
    if isinstance(root.value, dict) and "model" in root.value and "scenario" not in root.value:
        said = f"this is a scenario, not a sweep: `edgesim run {path}` runs it, and a sweep names it under `scenario`"
        raise scenario_error([Problem(root.place, said)])
    try:
        checked = _Sweep.model_validate(plain(root))
    except ValidationError as error:
        found = [Finding(item["loc"], item["type"], item["msg"]) for item in error.errors(include_url=False)]
        new = [placed(root, finding) for finding in found if finding.sort != REFUSED_TYPE]
        raise scenario_error(problems + new) from None
    if problems:
        raise scenario_error(problems)
    assert isinstance(root.value, dict)  # the model takes nothing else
    name = checked.name or (path.resolve().parent.name if path.stem == "sweep" else name_of(path))
    sizes = root.value.pop("sizes", None)
    if size is not None:
        if sizes is None or not isinstance(sizes.value, dict) or size not in sizes.value:
            known = ", ".join(sizes.value) if sizes is not None and isinstance(sizes.value, dict) else "none"
            raise UsageError(f"{path} has no size {size!r} (sizes: {known})")
        _merge(root, sizes.value[size])
        name = f"{name}-{size}"
    return Document(path, data.decode("utf-8-sig"), name, root)


def _merge(root: Node, size: Node) -> None:
    """Put what a size says into the file's root."""
    assert isinstance(root.value, dict)
    assert isinstance(size.value, dict)
    for key, node in size.value.items():
        there = root.value.get(key)
        if key in _MERGED and there is not None and isinstance(there.value, dict) and isinstance(node.value, dict):
            there.value.update(node.value)
        else:
            root.value[key] = node
