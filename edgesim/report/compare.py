"""Results side by side: means over seeds with Student-t intervals, and differences between methods by common seeds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from edgesim.errors import UsageError
from edgesim.quantities import did_you_mean
from edgesim.report.estimate import Estimate, estimate
from edgesim.report.groups import gathered, grouped, numbers, varying
from edgesim.report.results import Results

METRICS = ("accuracy", "simulated_s", "energy_j.total", "xi.paper.mean")  # what is asked first
COMPARED = ("uplink.codec",)  # where the runs differ in nothing but the seed


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
    results, left_out = gathered(folders)
    if not results:
        raise UsageError(f"no finished run in {', '.join(map(str, folders))}")
    keys = tuple(by) or varying(results) or COMPARED
    groups = grouped(results, keys)
    names = tuple(metrics) or tuple(name for name in METRICS if any(each.number(name) is not None for each in results))
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


def _check_metrics(names: Sequence[str], results: Sequence[Results]) -> None:
    known = sorted({name for each in results for name in each.figures if each.number(name) is not None})
    for name in names:
        if name not in known:
            near = did_you_mean(name, known) or f"; known here: {', '.join(known[:12])} ..."
            raise UsageError(f"--metric {name}: no run has a figure of that name{near}")


def _of(group: Mapping[int, Results], name: str) -> Estimate | None:
    values = numbers(group, name)
    return estimate(values) if values else None


def _baseline(groups: Mapping[tuple[str, ...], Any], keys: Sequence[str], wanted: str | None) -> str:
    known = list(dict.fromkeys(values[0] for values in groups if values))
    if wanted is not None and wanted not in known:
        raise UsageError(f"--baseline {wanted}: not a value of {keys[0]} ({', '.join(known)})")
    return wanted if wanted is not None else known[0]


def _difference(
    groups: Mapping[tuple[str, ...], Mapping[int, Results]], values: tuple[str, ...], name: str, baseline: str
) -> Estimate | None:
    """Paired by seed, in the same case (the other keys): what seeds have in common cancels."""
    other = groups.get((baseline, *values[1:]))
    if other is None or values[0] == baseline:
        return None
    pairs = [
        (mine, theirs)
        for seed, result in groups[values].items()
        if seed in other and (mine := result.number(name)) is not None and (theirs := other[seed].number(name)) is not None
    ]
    return estimate([mine - theirs for mine, theirs in pairs]) if pairs else None
