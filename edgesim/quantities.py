"""Numbers as people write them: quantities with units, read into SI, and intervals in maths notation."""

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

_PREFIXES = {"": "1", "k": "1e3", "M": "1e6", "G": "1e9", "T": "1e12"}
_BINARY = {"Ki": str(1 << 10), "Mi": str(1 << 20), "Gi": str(1 << 30)}
_SMALL = {"m": "1e-3", "u": "1e-6", "µ": "1e-6", "μ": "1e-6", "n": "1e-9"}  # micro has two code points
_NUMBER = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*([^\W\d_].*)?")
_MOST_SHOWN = 60  # characters of a value that a message shows


def _prefixed(unit: str, prefixes: Mapping[str, str], factor: str = "1") -> dict[str, Decimal]:
    return {prefix + unit: Decimal(value) * Decimal(factor) for prefix, value in prefixes.items()}


_WATTS = _prefixed("W", _PREFIXES | _SMALL)
_JOULES = _prefixed("J", _PREFIXES | _SMALL) | _prefixed("Wh", {"": "1", "k": "1e3", "m": "1e-3"}, "3600")
_BITS = _prefixed("bit", _PREFIXES | _BINARY) | _prefixed("B", _PREFIXES | _BINARY, "8") | {"bits": Decimal(1)}
_BYTES = {unit: factor / 8 for unit, factor in _BITS.items()} | {"bytes": Decimal(1)}
_FLOPS = {f"{prefix}{unit}": Decimal(value) for prefix, value in _PREFIXES.items() for unit in ("FLOP", "FLOPS", "FLOP/s")}
_SECONDS = _prefixed("s", {"": "1"} | _SMALL) | {"min": Decimal(60), "h": Decimal(3600)}
_METRES = {"m": Decimal(1), "km": Decimal(1000), "cm": Decimal("1e-2"), "mm": Decimal("1e-3")}

# The suffix of a key -> what it measures, the unit it is in, and every unit a string may use.
_UNITS: dict[str, tuple[str, str, dict[str, Decimal]]] = {
    "s": ("time", "s", _SECONDS),
    "hz": ("frequency", "Hz", _prefixed("Hz", _PREFIXES)),
    "db": ("ratio", "dB", {"dB": Decimal(1)}),
    "dbm": ("power", "dBm", {"dBm": Decimal(1)}),
    "w": ("power", "W", _WATTS),
    "j": ("energy", "J", _JOULES),
    "joules": ("energy", "J", _JOULES),
    "m": ("length", "m", _METRES),
    "mps": ("speed", "m/s", {"m/s": Decimal(1), "km/h": Decimal(1000) / Decimal(3600)}),
    "bits": ("size", "bit", _BITS),
    "bytes": ("size", "B", _BYTES),
    "flops": ("computation", "FLOP", _FLOPS),
}
_EXAMPLES = {
    "s": "5 ms",
    "hz": "20 MHz",
    "db": "10 dB",
    "dbm": "23 dBm",
    "w": "200 mW",
    "j": "5 Wh",
    "joules": "5 Wh",
    "m": "50 m",
    "mps": "3 km/h",
    "bits": "10 Mbit",
    "bytes": "4 kB",
    "flops": "5 GFLOP",
}


def unit_of(name: str) -> str | None:
    """The suffix of a key that states its unit (`hz` of `bandwidth_hz`, `bits` of `bits`), or None.

    >>> unit_of("bandwidth_hz"), unit_of("lr")
    ('hz', None)
    """
    suffix = name.rpartition("_")[2]
    return suffix if suffix in _UNITS and (suffix != name or len(suffix) > 3) else None


def example(suffix: str) -> str:
    """A quantity as one would write it for a key with this suffix."""
    return _EXAMPLES[suffix]


def pattern(suffix: str) -> str:
    """A regular expression (ECMA dialect) of all strings `parse` takes for a key with this suffix."""
    units = sorted(_UNITS[suffix][2], key=len, reverse=True)
    extra = {"dbm": [*_WATTS], "w": ["dBm"]}.get(suffix, [])
    return r"^\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\s*(" + "|".join([*units, *extra]) + r")\s*$"


def parse(text: str, suffix: str) -> float:
    """The value of a quantity such as "20 MHz" in the unit that the key's suffix states.

    Prefixes are decimal (1 Mbit = 10^6 bit); Ki, Mi, Gi are binary. Powers may be given in W or dBm either way.
    ValueError says what is wrong and shows an example.

    >>> parse("20 MHz", "hz"), parse("23 dBm", "dbm"), parse("2 kB", "bits")
    (20000000.0, 23.0, 16000.0)
    """
    expected = f'expected a number or a quantity such as "{example(suffix)}", got the text {shortened(text)!r}'
    match = _NUMBER.fullmatch(text.strip()) if len(text) <= _MOST_SHOWN else None
    if match is None:
        raise ValueError(expected)
    number, unit = match.groups()
    what, own, factors = _UNITS[suffix]
    if not unit:
        raise ValueError(f"{expected}: remove the quotes")
    try:
        value = _in_unit(number, unit, suffix)
    except ArithmeticError:
        value = math.inf
    if value is None:
        near = did_you_mean(unit, factors) or "."
        raise ValueError(f"{unit!r} is not a unit of {what}{near} The key is in {own}, for example {example(suffix)!r}")
    if not math.isfinite(value):
        why = "a power in dBm must be positive" if suffix == "dbm" and value < 0.0 else "too large a number"
        raise ValueError(f"{text!r}: {why}")
    return value


def _in_unit(number: str, unit: str, suffix: str) -> float | None:
    """The number in the suffix's unit; None for a unit of something else."""
    factors = _UNITS[suffix][2]
    if unit in factors:
        return float(Decimal(number) * factors[unit])
    if suffix == "dbm" and unit in _WATTS:
        watts = float(Decimal(number) * _WATTS[unit])
        return 10.0 * math.log10(watts) + 30.0 if watts > 0.0 else -math.inf
    if suffix == "w" and unit == "dBm":
        return math.pow(10.0, float(number) / 10.0 - 3.0)
    return None


def shortened(text: str) -> str:
    """The text, cut where it is too long for a message."""
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 3] + "..."


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """The words ", did you mean 'x'?" for the nearest known name, or nothing where none is near.

    >>> did_you_mean("adcc", ["adc", "topk"])
    ", did you mean 'adc'?"
    """
    names = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(wrong.casefold(), names, n=1, cutoff=0.6)
    return f", did you mean {names[near[0]]!r}?" if near else ""


class Interval(NamedTuple):
    """A range of numbers, written as in mathematics: "(0, 1]" holds 1 and not 0.

    >>> 0.0 in Interval.parse("(0, 1]"), 1.0 in Interval.parse("(0, 1]")
    (False, True)
    """

    low: float
    high: float
    low_closed: bool
    high_closed: bool

    @classmethod
    def parse(cls, text: str) -> "Interval":
        """Read "(0, 1]", "[1, inf)" and the like; ValueError for anything else."""
        match = re.fullmatch(r"\s*([\[(])\s*([^,\s]+)\s*,\s*([^,\s]+)\s*([\])])\s*", text)
        if match is None:
            raise ValueError(f"{text!r} is not an interval; write it as '(0, 1]' or '[1, inf)'")
        left, low, high, right = match.groups()
        return cls(float(low), float(high), left == "[", right == "]")

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, int | float):
            return False
        above = value > self.low or (self.low_closed and value == self.low)
        return above and (value < self.high or (self.high_closed and value == self.high))

    def __str__(self) -> str:
        left, right = "[" if self.low_closed else "(", "]" if self.high_closed else ")"
        return f"{left}{self.low:g}, {self.high:g}{right}"

    def words(self) -> str:
        """The range in words: "at least 1", "above 0 and at most 1"."""
        parts = []
        if self.low != -math.inf:
            parts.append(f"{'at least' if self.low_closed else 'above'} {self.low:g}")
        if self.high != math.inf:
            parts.append(f"{'at most' if self.high_closed else 'below'} {self.high:g}")
        return " and ".join(parts) or "any number"
