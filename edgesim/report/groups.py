"""Runs told apart by what their scenarios differ in, and put together where only the seed does."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgesim.errors import UsageError
from edgesim.quantities import did_you_mean
from edgesim.record import index
from edgesim.record.folder import MANIFEST
from edgesim.report.estimate import MISSING
from edgesim.report.results import Results

BySeed = dict[int, Results]


def gathered(folders: Sequence[Path]) -> tuple[list[Results], int]:
    """Every finished run of these folders of runs and sweeps, and how many runs and points are left out since they are not.

    A run that is alone is taken as it is: interrupted, it has come somewhere too.

    Raises UsageError for a folder that is neither.
    """
    found: list[Results] = []
    left_out = 0
    for folder in folders:
        if (folder / index.FILE).is_file() or (folder / "points").is_dir():
            rows = index.read(folder).to_pylist()
            done = [row for row in rows if row["status"] == "done"]
            found += [Results(folder / row["path"], row) for row in done]
            left_out += len(rows) - len(done)
        elif (folder / MANIFEST).is_file():
            found.append(Results(folder))
        else:
            raise UsageError(f"{folder} holds neither {index.FILE} nor {MANIFEST}: it is no sweep and no run")
    ended = [run for run in found if run.is_done] if len(found) > 1 else found
    found, left_out = ended, left_out + len(found) - len(ended)
    if len(folders) > 1 and len({frozenset(run.settings) for run in found}) > 1:  # axes of one, all keys of another
        found = [run.completed() for run in found]
    return found, left_out


def varying(runs: Sequence[Results], without: Sequence[str] = ()) -> tuple[str, ...]:
    """The keys that tell the runs apart, `label` first, without those that say what keys before them said.

    without  last parts of keys that are passed over, such as `xi`
    """
    keys = list(dict.fromkeys(key for run in runs for key in run.settings if key.rpartition(".")[2] not in without))
    telling: list[str] = []
    groups = 1
    for key in keys:
        found = len({tuple(words(run.setting(each)) for each in [*telling, key]) for run in runs})
        if found > groups:
            telling, groups = [*telling, key], found
    return tuple(telling)


def grouped(runs: Sequence[Results], keys: Sequence[str]) -> dict[tuple[str, ...], BySeed]:
    """The runs by their values of the keys, then by seed.

    Raises UsageError for an unknown key, or where runs of one group and seed differ in something else or in nothing.
    """
    known = [run.completed() if any(run.setting(key) is Results.ABSENT for key in keys) else run for run in runs]
    for key in keys:
        if all(run.setting(key) is Results.ABSENT for run in known):
            raise UsageError(f"--by {key}: no run has such a key{did_you_mean(key, known[0].settings)}")
    groups: dict[tuple[str, ...], BySeed] = {}
    for run in known:
        group = groups.setdefault(tuple(words(run.setting(key)) for key in keys), {})
        if run.seed in group:
            raise UsageError(_mixed(keys, run, group[run.seed]))
        group[run.seed] = run
    return groups


def series(runs: Sequence[Results], along: Sequence[str] = ()) -> dict[str, list[BySeed]]:
    """The curves of a figure: by name, what lies on each, every point of it as the same scenario with several seeds.

    along  last parts of the keys that vary along a curve; every other key that varies tells curves apart
    """
    if along:
        runs = [run.opened() for run in runs]
    keys = varying(runs, without=along)
    curves: dict[tuple[str, ...], list[Results]] = {}
    for run in runs:
        curves.setdefault(tuple(words(run.setting(key)) for key in keys), []).append(run)
    names = _names(keys, curves)
    return {name: list(grouped(mine, varying(mine)).values()) for name, mine in zip(names, curves.values(), strict=True)}


def _names(keys: Sequence[str], curves: Mapping[tuple[str, ...], Sequence[Results]]) -> list[str]:
    """Short names of the curves: texts alone, numbers after the last part of their key; whole keys where that is not enough."""
    if not keys:
        return [runs[0].settings.get("label") or runs[0].name for runs in curves.values()]
    short = [", ".join(_short(key, runs[0].setting(key)) for key in keys) for runs in curves.values()]
    if len(set(short)) == len(short):
        return short
    return [", ".join(f"{key} {value}" for key, value in zip(keys, values, strict=True)) for values in curves]


def _short(key: str, value: Any) -> str:
    said = words(value)
    return f"{key.rpartition('.')[2]} {said}" if isinstance(value, int | float) or said == MISSING else said


def _mixed(keys: Sequence[str], first: Results, second: Results) -> str:
    """What to say about two runs of one group with one seed."""
    names = dict.fromkeys([*first.settings, *second.settings])
    differ = [name for name in names if words(first.setting(name)) != words(second.setting(name))]
    if not differ:
        return f"{first.path} and {second.path} are the same scenario and seed {first.seed}: leave one of them out"
    what = ", ".join(f"{key} {words(first.setting(key))}" for key in keys)
    return f"{what}: several runs have seed {first.seed} and differ in {differ[0]}; add --by {differ[0]}"


def words(value: Any) -> str:
    """A setting as text."""
    if value is None or value is Results.ABSENT:
        return MISSING
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def numbers(group: Mapping[int, Results], name: str) -> list[float]:
    """A figure of each seed's summary, where it has one."""
    return [value for run in group.values() if (value := run.number(name)) is not None]
