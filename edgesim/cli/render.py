"""Numbers and nested facts as a person reads them: units from the names of the keys, SI prefixes, aligned columns.

Everything is ASCII, so that it survives any terminal, log file and e-mail.
"""

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

UNITS = {
    "s": "s",
    "j": "J",
    "joules": "J",
    "w": "W",
    "hz": "Hz",
    "db": "dB",
    "dbm": "dBm",
    "bits": "bit",
    "bytes": "B",
    "flops": "FLOP",
    "m": "m",
}
SUFFIXES = ("s", "j", "w", "hz", "db", "dbm", "m")  # say nothing that the unit beside the number does not say
PREFIXES = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n"))
PLAIN_UNITS = ("dB", "dBm", "")  # never with a prefix
MISSING = "-"
LEAST_WIDTH = 30  # characters; on a narrower terminal texts run over its edge rather than into a thin column


def quantity(value: float, unit: str) -> str:
    """A number with four significant digits, an SI prefix and its unit; times beyond a minute in minutes, hours and days.

    >>> quantity(1234567.0, "bit"), quantity(0.0123, "s"), quantity(4000.0, "s"), quantity(12.5, "dB")
    ('1.235 Mbit', '12.3 ms', '1 h 6 min 40 s', '12.5 dB')
    """
    if not math.isfinite(value):
        return f"{value} {unit}".rstrip()
    if unit == "s" and value >= 60.0:
        return _clock(value)
    if unit in PLAIN_UNITS or value == 0.0:
        return f"{value:.4g} {unit}".rstrip()
    # rounded first: 999.96 is 1000, which has the next prefix
    rounded = float(f"{value:.4g}")
    for factor, prefix in PREFIXES:
        if abs(rounded) >= factor:
            return f"{rounded / factor:.4g} {prefix}{unit}"
    return f"{rounded:.4g} {unit}"


def _clock(seconds: float) -> str:
    whole = round(seconds)
    days, hours, minutes = whole // 86_400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min {whole % 60} s" if hours else f"{minutes} min {whole % 60} s"


def columns(rows: Iterable[tuple[str, str]], indent: int = 0, width: int | None = None) -> list[str]:
    """Labels and texts as two aligned columns. width: where lines end, long texts going on below; None: nowhere."""
    pairs = list(rows)
    fits = [len(label) for label, _ in pairs if width is None or len(label) <= width // 3]
    start = indent + max(fits, default=0) + 2
    lines = []
    for label, text in pairs:
        head = f"{' ' * indent}{label}"
        if len(head) + 2 > start:  # too long a label has a line of its own
            lines.append(head)
            head = ""
        parts = [text] if width is None else textwrap.wrap(text, max(width - start, LEAST_WIDTH)) or [""]
        lines += [f"{head if not place else '':<{start}}{part}".rstrip() for place, part in enumerate(parts)]
    return lines


def fitted(text: str, width: int | None) -> str:
    """A docstring no wider than that, where its paragraphs are prose; formulas and lists stay as they are. width: None, any."""
    if width is None:
        return text
    fill = textwrap.TextWrapper(width, break_long_words=False).fill
    return "\n\n".join(part if "  " in part else fill(part) for part in text.split("\n\n"))


def table(head: Sequence[str], rows: Sequence[Sequence[str]], indent: int = 0) -> list[str]:
    """A head and rows; the first column to the left, numbers to the right."""
    widths = [max(len(line[place]) for line in [head, *rows]) for place in range(len(head))]
    lines = []
    for line in [head, *rows]:
        cells = [f"{line[0]:<{widths[0]}}"]
        cells += [f"{cell:>{width}}" for cell, width in zip(line[1:], widths[1:], strict=True)]
        lines.append(" " * indent + "  ".join(cells).rstrip())
    return lines


def nested(facts: Mapping[str, Any]) -> list[str]:
    """Nested facts: single values as columns, a group under its name, groups of the same keys as one table.

    The unit of a number is the suffix of its own key or of the nearest key above it that has one.
    """
    return _block(facts, None, 0)


def _block(facts: Mapping[str, Any], unit: str | None, indent: int) -> list[str]:
    single = {key: value for key, value in facts.items() if not isinstance(value, Mapping)}
    groups = {key: value for key, value in facts.items() if isinstance(value, Mapping)}
    lines = columns([(_label(key), cell(value, unit_of(key, unit))) for key, value in single.items()], indent)
    if indent and _is_matrix(groups):
        return lines + _matrix(groups, unit, indent)
    for key, value in groups.items():
        if not indent and lines:
            lines.append("")
        lines += [" " * indent + _label(key), *_block(value, unit_of(key, unit), indent + 2)]
    return lines


def _is_matrix(groups: Mapping[str, Mapping[str, Any]]) -> bool:
    """At least two groups with the same keys and single values."""
    keys = [list(group) for group in groups.values()]
    values = [value for group in groups.values() for value in group.values()]
    return len(keys) > 1 and all(found == keys[0] for found in keys) and not any(isinstance(value, Mapping) for value in values)


def _matrix(facts: Mapping[str, Mapping[str, Any]], unit: str | None, indent: int) -> list[str]:
    keys = list(next(iter(facts.values())))
    rows = [[_label(name), *(cell(group[key], unit_of(key, unit)) for key in keys)] for name, group in facts.items()]
    return table(["", *map(_label, keys)], rows, indent)


def cell(value: Any, unit: str | None) -> str:
    """One value as text."""
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float) and unit is not None:
        return quantity(value, unit)
    if isinstance(value, int):
        return f"{value:,}".replace(",", " ") if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(cell(item, unit) for item in value)
    return str(value)


def unit_of(key: str, above: str | None) -> str | None:
    """The unit that a word of the key states (`latency_s`, `wall_s_estimate`, `bits`), else the one stated above it."""
    words = key.lower().split("_")
    stated = [UNITS[word] for place, word in enumerate(words) if word in UNITS and (place or len(word) > 1)]
    return stated[-1] if stated else above


def _label(key: str) -> str:
    """A key as words, without those that only say its unit."""
    first, *others = key.split("_")
    return " ".join([first, *(word for word in others if word not in SUFFIXES)])
