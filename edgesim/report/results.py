"""What a run left behind, read from its folder."""

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from edgesim.errors import RunError, UsageError
from edgesim.load import load
from edgesim.record import evaluations, index, tables
from edgesim.record.folder import MANIFEST
from edgesim.scenario import Scenario
from edgesim.yaml_nodes import plain
from edgesim.yaml_reader import read

if TYPE_CHECKING:
    import pyarrow as pa

LONGEST_LABEL = 40  # characters
NO_SETTING = ("name", "host", "seed")  # keys of a scenario that change nothing that is simulated, or only the draws


class Results:
    """One run's folder. Raises UsageError where there is none.

    path  the folder
    row   its line of the table of the sweep that it is a point of: then axes and figures are not read again
    """

    ABSENT: ClassVar[object] = object()  # the value of a key that a run has not

    def __init__(self, path: Path, row: Mapping[str, Any] | None = None) -> None:
        if row is None and not (path / MANIFEST).is_file():
            raise UsageError(f"{path} is no run folder: it holds no {MANIFEST}")
        self.path = path
        self._row = row

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """How the run was made."""
        return _json(self.path / MANIFEST)

    @cached_property
    def summary(self) -> dict[str, Any]:
        """summary.json. Raises UsageError of a run that did not end."""
        file = self.path / "summary.json"
        if not file.is_file():
            raise UsageError(f"{self.path} holds no summary.json: the run is {self.manifest['status']}; run it to its end")
        return _json(file)

    @property
    def is_done(self) -> bool:
        """Whether it came to its end; no part of a sweep's table is a run that did not."""
        return self._row is not None or self.manifest["status"] == "done"

    @cached_property
    def scenario(self) -> Scenario:
        """What was run, with every default."""
        return self.scenario_with({})

    def scenario_with(self, overrides: dict[str, Any]) -> Scenario:
        """What was run, changed. Raises UsageError where resolved.yaml is missing, ScenarioError where it cannot be read."""
        return load(self.path / "resolved.yaml", overrides)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """How it differs from others, without the seed: what the sweep varies, or every key. Dotted key -> value."""
        if self._row is None:
            return _leaves(self._changing())
        axes = list(self._row)[1 : list(self._row).index("seed")]
        return {key: self._row[key] for key in axes if not (key == "label" and self._row[key] is None)}

    @cached_property
    def seed(self) -> int:
        """Of all its random streams."""
        seed: int = self._resolved["seed"] if self._row is None else self._row["seed"]
        return seed

    @property
    def name(self) -> str:
        """Of its scenario."""
        return str(self._resolved["name"])

    @property
    def codecs(self) -> set[str]:
        """The kinds in its codecs' sections: of the codecs, and of what is inside them."""
        return set(_kinds([self._resolved[end]["codec"] for end in ("uplink", "downlink")]))

    @cached_property
    def figures(self) -> Mapping[str, Any]:
        """Its summary at one level."""
        return index.flat(self.summary) if self._row is None else self._row

    def setting(self, key: str) -> Any:
        """A setting, or ABSENT; `uplink.codec` and `uplink.codec.kind` are the same."""
        names = (key, key.removesuffix(".kind"), f"{key}.kind")
        return next((self.settings[name] for name in names if name in self.settings), self.ABSENT)

    def number(self, name: str) -> float | None:
        """A figure of the summary, None where it is no number."""
        value = self.figures.get(name)
        value = float(value) if value in ("inf", "-inf") else value
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def completed(self) -> "Results":
        """The same with every key of the scenario in its settings, also those that no axis of the sweep varies."""
        return self._with(_leaves(self._changing()) | self.settings)

    def opened(self) -> "Results":
        """The same with the leaves of whole nodes that the sweep varies, such as `{kind: awgn, snr_db: 5}`, in their place."""
        nodes = tuple(key for key, value in self.settings.items() if isinstance(value, str) and value.startswith(("{", "[")))
        if not nodes:
            return self
        leaves = _leaves(self._changing())
        inside = {key: leaf for key, leaf in leaves.items() if key in nodes or key.startswith(tuple(f"{n}." for n in nodes))}
        return self._with({key: value for key, value in self.settings.items() if key not in nodes} | inside)

    def _with(self, settings: dict[str, Any]) -> "Results":
        other = copy(self)
        other.settings = settings
        return other

    def _changing(self) -> dict[str, Any]:
        return {key: value for key, value in self._resolved.items() if key not in NO_SETTING}

    @cached_property
    def _resolved(self) -> dict[str, Any]:
        """resolved.yaml, not checked again."""
        path = self.path / "resolved.yaml"
        if not path.is_file():
            raise UsageError(f"{self.path} holds no resolved.yaml, so its keys are not known")
        root, _ = read(path.read_bytes(), str(path))
        content = plain(root) if root is not None else None
        if not isinstance(content, dict):
            raise RunError(f"{path} holds no scenario")
        return content

    @property
    def evaluations(self) -> "pa.Table":
        """Every look at the test set. Raises UsageError where there was none."""
        table = evaluations.read(self.path)
        if not table.num_rows:
            why = "nothing was trained (timing only)" if self.manifest["timing_only"] else "it was not evaluated yet"
            raise UsageError(f"{self.path} holds no accuracy: {why}")
        return table

    def looks(self) -> list[dict[str, Any]]:
        """Every look at the test set until now, one row each."""
        rows: list[dict[str, Any]] = evaluations.read(self.path).to_pylist()
        return rows

    def section(self, name: str) -> dict[str, Any]:
        """A section of resolved.yaml."""
        content: dict[str, Any] = self._resolved[name]
        return content

    def table(self, name: str) -> "pa.Table":
        """The table `name`: steps, transfers, entries. Raises UsageError where the run kept none."""
        if name == "entries" and not tables.exists(self.path, name):
            raise UsageError(f"{self.path} holds no entries.parquet; run it again with --trace")
        return tables.read(self.path, name)


def labels(runs: Sequence[Results]) -> list[str]:
    """A short name for each run: the values by which the scenarios differ; where that is too long or nothing, name and seed."""
    settings = [_flat("", run.scenario.resolved()) for run in runs]
    keys = sorted({key for each in settings for key in each} - {"name"})
    telling = [key for key in keys if len({repr(each.get(key)) for each in settings}) > 1]
    words = [
        ", ".join(f"{key.rpartition('.')[2]} {each[key]}" for key in telling if each.get(key) is not None) for each in settings
    ]
    if all(0 < len(text) <= LONGEST_LABEL for text in words) and len(set(words)) == len(words):
        return words
    plain = [f"{run.scenario.name}, seed {run.scenario.seed}" for run in runs]
    return plain if len(set(plain)) == len(plain) else [run.path.name for run in runs]


def _flat(path: str, value: Any) -> dict[str, Any]:
    """A nested value as {dotted path: leaf}."""
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = {str(place): item for place, item in enumerate(value)}.items()
    else:
        return {path: value}
    return {key: leaf for name, item in pairs for key, leaf in _flat(f"{path}.{name}".lstrip("."), item).items()}


def _json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(f"{path} cannot be read: {error}") from None
    return content


def _kinds(value: Any) -> Iterator[str]:
    """Every `kind` in nested values."""
    if isinstance(value, dict) and isinstance(value.get("kind"), str):
        yield value["kind"]
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _kinds(item)


def _leaves(value: Any, path: str = "") -> dict[str, Any]:
    """A nested value as {dotted path: leaf}; a kind under its node's path, a list of one group as that group."""
    if isinstance(value, list) and len(value) == 1 and path == "clients":
        value = value[0]
    if isinstance(value, dict):
        inner = {(path if key == "kind" else f"{path}.{key}".lstrip(".")): item for key, item in value.items()}
        return {
            name: leaf
            for below, item in inner.items()
            for name, leaf in ({below: item} if below == path else _leaves(item, below)).items()
        }
    if isinstance(value, list):
        return {name: leaf for place, item in enumerate(value) for name, leaf in _leaves(item, f"{path}[{place}]").items()}
    return {path: value}
