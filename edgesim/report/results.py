"""What a run left behind, read from its folder."""

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesim.errors import UsageError
from edgesim.load import load
from edgesim.record import evaluations, tables
from edgesim.record.folder import MANIFEST
from edgesim.scenario import Scenario

if TYPE_CHECKING:
    import pyarrow as pa

LONGEST_LABEL = 40  # characters


class Results:
    """One run's folder. Raises UsageError where there is none.

    path  the folder
    """

    def __init__(self, path: Path) -> None:
        if not (path / MANIFEST).is_file():
            raise UsageError(f"{path} is no run folder: it holds no {MANIFEST}")
        self.path = path

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """How the run was made."""
        content: dict[str, Any] = json.loads((self.path / MANIFEST).read_text(encoding="utf-8"))
        return content

    @cached_property
    def summary(self) -> dict[str, Any]:
        """summary.json. Raises UsageError of a run that did not end."""
        file = self.path / "summary.json"
        if not file.is_file():
            raise UsageError(f"{self.path} holds no summary.json: the run is {self.manifest['status']}; run it to its end")
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return content

    @cached_property
    def scenario(self) -> Scenario:
        """What was run, with every default."""
        return self.scenario_with({})

    def scenario_with(self, overrides: dict[str, Any]) -> Scenario:
        """What was run, changed. Raises UsageError where resolved.yaml is missing, ScenarioError where it cannot be read."""
        return load(self.path / "resolved.yaml", overrides)

    @property
    def evaluations(self) -> "pa.Table":
        """Every look at the test set. Raises UsageError where there was none."""
        table = evaluations.read(self.path)
        if not table.num_rows:
            why = "nothing was trained (timing only)" if self.manifest["timing_only"] else "it was not evaluated yet"
            raise UsageError(f"{self.path} holds no accuracy: {why}")
        return table

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
