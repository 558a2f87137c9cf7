"""Results side by side: means over seeds with Student-t intervals, and differences between methods by common seeds."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from edgesim.errors import RunError, UsageError
from edgesim.quantities import did_you_mean
from edgesim.record import index
from edgesim.report.estimate import MISSING, Estimate, estimate
from edgesim.yaml_nodes import plain
from edgesim.yaml_reader import read

METRICS = ("accuracy", "simulated_s", "energy_j.total", "xi.paper.mean")  # what is asked first
NO_SETTING = ("name", "host")  # keys of a scenario that change nothing that is simulated


class Result(NamedTuple):
    """One finished run.

    settings  how it differs from others: dotted key -> value
    seed      of all its random streams
    figures   its summary at one level
    folder    where it is
    """

    settings: Mapping[str, Any]
    seed: int
    figures: Mapping[str, Any]
    folder: Path


class Line(NamedTuple):
    """One line of the comparison: a group of runs that differ in their seeds only.

    keys        values of the keys it is grouped by
    metrics     by name; None where no run of the group has it
    difference  from the baseline, over the seeds both have; None for the baseline itself and where no seed is common
    """

    keys: tuple[str, ...]
    metrics: Mapping[str, Estimate | None]
    difference: Mapping[str, Estimate | None]


class Comparison(NamedTuple):
    """A table. by: the keys, the compared one first; baseline: its value that differences are taken from."""

    by: tuple[str, ...]
    metrics: tuple[str, ...]
    baseline: str
    lines: tuple[Line, ...]
    left_out: int


def compare(
    folders: Sequence[Path], by: Sequence[str] = (), metrics: Sequence[str] = (), baseline: str | None = None
) -> Comparison:
    """Compare runs and sweeps.

    folders   of runs and sweeps
    by        keys of the scenario, or `label`; the first is what is compared, the others tell cases apart in which it is.
              Left out: all keys that vary
    metrics   figures of summary.json such as energy_j.total
    baseline  value of the first key that differences are taken from; the first that appears where left out

    Raises UsageError for a folder that is none, an unknown key or metric, or a group whose runs differ in more than the seed.
    """
    results, left_out = _results(folders)
    keys = tuple(by) or _varying(results)
    groups = _grouped(results, keys)
    names = tuple(metrics) or tuple(name for name in METRICS if any(_number(each, name) is not None for each in results))
    _check_metrics(names, results)
    chosen = _baseline(groups, keys, baseline)
    lines = [
        Line(
            values,
            {name: _of(group, name) for name in names},
            {name: _difference(groups, values, name, chosen) for name in names},
        )
        for values, group in groups.items()
    ]
    return Comparison(keys, names, chosen, tuple(lines), left_out)


def _results(folders: Sequence[Path]) -> tuple[list[Result], int]:
    """Every finished run, and how many points of sweeps are not."""
    found: list[Result] = []
    left_out = 0
    for folder in folders:
        if (folder / index.FILE).is_file():
            table = index.read(folder)
            axes = table.column_names[1 : table.column_names.index("seed")]
            for row in table.to_pylist():
                if row["status"] != "done":
                    left_out += 1
                    continue
                settings = {key: row[key] for key in axes if not (key == "label" and row[key] is None)}
                found.append(Result(settings, row["seed"], row, folder / row["path"]))
        elif (folder / "summary.json").is_file():
            settings = _scenario(folder)
            found.append(Result(settings, settings.pop("seed"), index.flat(_json(folder / "summary.json")), folder))
        else:
            raise UsageError(f"{folder} holds neither {index.FILE} nor summary.json: it is no sweep and no finished run")
    if not found:
        raise UsageError(f"no finished run in {', '.join(map(str, folders))}")
    return found, left_out


def _json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(f"{path} cannot be read: {error}") from None
    return content


def _scenario(folder: Path) -> dict[str, Any]:
    """resolved.yaml of a run at one level, its seed included, without what changes nothing that is simulated."""
    path = folder / "resolved.yaml"
    if not path.is_file():
        raise UsageError(f"{folder} holds no resolved.yaml, so its keys are not known")
    root, _ = read(path.read_bytes(), str(path))
    content = plain(root) if root is not None else None
    if not isinstance(content, dict):
        raise RunError(f"{path} holds no scenario")
    kept = {key: value for key, value in content.items() if key not in NO_SETTING}
    return _leaves(kept)


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


_ABSENT = object()


def _value(settings: Mapping[str, Any], key: str) -> Any:
    """A setting; `uplink.codec` and `uplink.codec.kind` are the same."""
    names = (key, key.removesuffix(".kind"), f"{key}.kind")
    return next((settings[name] for name in names if name in settings), _ABSENT)


def _varying(results: Sequence[Result]) -> tuple[str, ...]:
    """The keys that tell the runs apart, `label` first, without those that say what keys before them said."""
    keys = list(dict.fromkeys(key for result in results for key in result.settings if key != "seed"))
    telling: list[str] = []
    groups = 1
    for key in keys:
        found = len({tuple(_words(_value(result.settings, each)) for each in [*telling, key]) for result in results})
        if found > groups:
            telling, groups = [*telling, key], found
    return tuple(telling or keys[:1])


def _grouped(results: Sequence[Result], keys: Sequence[str]) -> dict[tuple[str, ...], dict[int, Result]]:
    """The runs by their values of the keys, then by seed."""
    known = [
        _with_scenario(result) if any(_value(result.settings, key) is _ABSENT for key in keys) else result for result in results
    ]
    for key in keys:
        if all(_value(result.settings, key) is _ABSENT for result in known):
            raise UsageError(f"--by {key}: no run has such a key{did_you_mean(key, known[0].settings)}")
    groups: dict[tuple[str, ...], dict[int, Result]] = {}
    for result in known:
        group = groups.setdefault(tuple(_words(_value(result.settings, key)) for key in keys), {})
        if result.seed in group:
            raise UsageError(_mixed(keys, result, group[result.seed]))
        group[result.seed] = result
    return groups


def _with_scenario(result: Result) -> Result:
    """The result with every key of its scenario, also those that no axis of its sweep varies."""
    return result._replace(settings=_scenario(result.folder) | dict(result.settings))


def _mixed(keys: Sequence[str], first: Result, second: Result) -> str:
    """What to say about two runs of one group with one seed."""
    names = dict.fromkeys([*first.settings, *second.settings])
    differ = [name for name in names if _words(_value(first.settings, name)) != _words(_value(second.settings, name))]
    if not differ:
        return f"{first.folder} and {second.folder} are the same scenario and seed {first.seed}: leave one of them out"
    what = ", ".join(f"{key} {_words(_value(first.settings, key))}" for key in keys)
    return f"{what}: several runs have seed {first.seed} and differ in {differ[0]}; add --by {differ[0]}"


def _check_metrics(names: Sequence[str], results: Sequence[Result]) -> None:
    known = sorted({name for each in results for name in each.figures if _number(each, name) is not None})
    for name in names:
        if name not in known:
            near = did_you_mean(name, known) or f"; known here: {', '.join(known[:12])} ..."
            raise UsageError(f"--metric {name}: no run has a figure of that name{near}")


def _number(result: Result, name: str) -> float | None:
    value = result.figures.get(name)
    value = float(value) if value in ("inf", "-inf") else value
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _of(group: Mapping[int, Result], name: str) -> Estimate | None:
    values = [value for each in group.values() if (value := _number(each, name)) is not None]
    return estimate(values) if values else None


def _baseline(groups: Mapping[tuple[str, ...], Any], keys: Sequence[str], wanted: str | None) -> str:
    known = list(dict.fromkeys(values[0] for values in groups if values))
    if wanted is not None and wanted not in known:
        raise UsageError(f"--baseline {wanted}: not a value of {keys[0]} ({', '.join(known)})")
    return wanted if wanted is not None else known[0]


def _difference(
    groups: Mapping[tuple[str, ...], Mapping[int, Result]], values: tuple[str, ...], name: str, baseline: str
) -> Estimate | None:
    """Paired by seed, in the same case (the other keys): what seeds have in common cancels."""
    other = groups.get((baseline, *values[1:]))
    if other is None or values[0] == baseline:
        return None
    pairs = [
        (mine, theirs)
        for seed, result in groups[values].items()
        if seed in other and (mine := _number(result, name)) is not None and (theirs := _number(other[seed], name)) is not None
    ]
    return estimate([mine - theirs for mine, theirs in pairs]) if pairs else None


def _words(value: Any) -> str:
    if value is None or value is _ABSENT:
        return MISSING
    return f"{value:.12g}" if isinstance(value, float) else str(value)
