"""A kind is a file: what can be plugged in where, and with which knobs, read from the source without importing it.

The file's name is the name used in YAML. The file holds exactly one class that directly subclasses its slot's base class; the
keyword-only parameters of its `__init__` are the knobs, its docstring documents them. Installed packages add kinds through
the entry-point groups `edgesim.codecs`, `edgesim.channels` and so on (`name = package.module`); a kind of this package is
found first. Device and radio profiles are YAML files under `edgesim/profiles`.
"""

import importlib
import importlib.metadata
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from edgesim.errors import UsageError
from edgesim.kind_files import Knob, holds_subclass, read_class, source_file
from edgesim.quantities import did_you_mean, shortened

_HERE = Path(__file__).resolve().parent


class Slot(NamedTuple):
    """A place in a scenario, or on the command line, that takes a kind.

    package  where the kinds are; one module for a slot that has only one kind
    base     name of the class they subclass
    plural   how a list of them is called; also the entry-point group `edgesim.<plural>`
    """

    package: str
    base: str
    plural: str


SLOTS: Mapping[str, Slot] = {
    "model": Slot("edgesim.learn.models", "Model", "models"),
    "data": Slot("edgesim.learn.data", "Data", "data"),
    "partition": Slot("edgesim.learn.partitions", "Partition", "partitions"),
    "augment": Slot("edgesim.learn.augment", "Augment", "augment"),
    "codec": Slot("edgesim.codecs", "Codec", "codecs"),
    "channel": Slot("channels", "Channel", "channels"),
    "radio": Slot("edgesim.sim.radio", "Radio", "radios"),
    "transport": Slot("edgesim.sim.transports", "Transport", "transports"),
    "medium": Slot("edgesim.sim.mediums", "Medium", "mediums"),
    "distribution": Slot("edgesim.sim.distributions", "Distribution", "distributions"),
    "fault": Slot("edgesim.sim.faults", "Fault", "faults"),
    "protocol": Slot("edgesim.protocols", "Protocol", "protocols"),
    "optimiser": Slot("edgesim.learn.optimisers", "Optimiser", "optimisers"),
    "engine": Slot("edgesim.sweep.engines", "Engine", "engines"),
}
NO_SCENARIO = ("engine",)  # slots of the command line


@dataclass(frozen=True)
class Kind:
    """What is known of a kind from its source.

    summary  first line of the docstring
    flags    class attributes with literal values, such as `integer_values`
    """

    slot: str
    name: str
    path: Path
    module: str
    class_name: str
    summary: str = ""
    doc: str = ""
    knobs: Mapping[str, Knob] = field(default_factory=dict)
    flags: Mapping[str, object] = field(default_factory=dict)


class _Place(NamedTuple):
    path: Path
    module: str
    class_name: str | None = None


def names(slot: str) -> list[str]:
    """Every kind of a slot, sorted: those of this package and those of installed packages."""
    return sorted({*_own(slot), *_foreign(slot)})


def exists(slot: str, kind: str) -> bool:
    """Whether the slot takes a kind of that name."""
    return kind in _own(slot) or kind in _foreign(slot)


def read(slot: str, kind: str) -> Kind:
    """What the source of a kind says. UsageError for an unknown kind, with the nearest name."""
    place = _own(slot).get(kind) or _foreign(slot).get(kind)
    if place is None:
        raise UsageError(unknown(slot, kind))
    return _read(slot, kind, place)


def load(slot: str, kind: str) -> type[Any]:
    """Import the class of a kind."""
    found = read(slot, kind)
    loaded: type[Any] = getattr(importlib.import_module(found.module), found.class_name)
    return loaded


def unknown(slot: str, kind: str) -> str:
    """What to say about a kind that does not exist."""
    known = names(slot)
    return f"unknown {slot} {shortened(kind)!r}{did_you_mean(kind, known)} ({SLOTS[slot].plural}: {', '.join(known)})"


def devices() -> list[str]:
    """Names of the device profiles, aliases included."""
    return sorted(_profiles("devices"))


def radios() -> list[str]:
    """Names of the radio profiles, aliases included."""
    return sorted(_profiles("radios"))


def device(name: str) -> dict[str, Any]:
    """A device profile; an alias gives the profile it stands for. UsageError for an unknown name, with the nearest one."""
    return _profile("devices", real_name("devices", name))


def radio(name: str) -> dict[str, Any]:
    """A radio profile, as `device`."""
    return _profile("radios", real_name("radios", name))


def real_name(folder: str, name: str) -> str:
    """The profile that a name stands for: itself, or what its file says in `alias`."""
    passed = [name]
    while (target := _profile(folder, passed[-1]).get("alias")) is not None:
        if target in passed:
            circle = " -> ".join([*passed, str(target)])
            raise UsageError(f"{_profiles(folder)[name]}: the aliases {circle} go round in a circle")
        passed.append(str(target))
    return passed[-1]


def _profiles(folder: str) -> dict[str, Path]:
    return {path.stem: path for path in (_HERE / "profiles" / folder).glob("*.yaml")}


def _profile(folder: str, name: str) -> dict[str, Any]:
    known = _profiles(folder)
    if name not in known:
        raise UsageError(f"unknown {folder[:-1]} {name!r}{did_you_mean(name, known)} ({folder}: {', '.join(sorted(known))})")
    return facts(known[name])


@cache
def facts(path: Path) -> dict[str, Any]:
    """A YAML file of facts that comes with the package, as a mapping. Do not change what you get: it is read once."""
    from edgesim.yaml_nodes import plain
    from edgesim.yaml_reader import read

    root, problems = read(path.read_bytes(), str(path))
    content = plain(root) if root is not None else None
    if problems or not isinstance(content, dict):
        raise UsageError("\n".join(map(str, problems)) or f"{path}: expected a mapping")
    return content


@cache
def _own(slot: str) -> dict[str, _Place]:
    """Kinds of this package: the files of the slot's folder in which a class subclasses the base."""
    package, base, _ = SLOTS[slot]
    root = _HERE.parent.joinpath(*package.split("."))
    if root.with_suffix(".py").is_file():
        return {root.name: _Place(root.with_suffix(".py"), package, base)}
    files = sorted(root.glob("*.py"))
    return {path.stem: _Place(path, f"{package}.{path.stem}") for path in files if holds_subclass(path, base)}


def _foreign(slot: str) -> dict[str, _Place]:
    """Kinds of installed packages, found without importing them."""
    return _installed(slot, tuple(sys.path))


@cache
def _installed(slot: str, search_path: tuple[str, ...]) -> dict[str, _Place]:
    """`search_path` is what the look-up depends on, and what the result is remembered by."""
    found = {}
    for point in importlib.metadata.entry_points(group=f"edgesim.{SLOTS[slot].plural}"):
        path = source_file(point.module)
        if path is None:
            raise UsageError(f"the entry point {point.name} = {point.value} of group {point.group} names no module that exists")
        found[point.name] = _Place(path, point.module, point.attr or None)
    return found


@cache
def _read(slot: str, kind: str, place: _Place) -> Kind:
    found = read_class(place.path, SLOTS[slot].base, place.class_name)
    return Kind(slot, kind, place.path, place.module, **found)
