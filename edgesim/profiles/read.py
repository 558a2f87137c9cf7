"""Device and radio profiles: power and speed of hardware, as YAML files in which every number has a source.

    peak_flops: {value: 57.6e9, source: "4 cores x 8 FLOP/cycle x 1.8 GHz", verified: true}

`verified` says whether somebody compared the number with that source. A file that holds only `alias: name` is another name for
that profile. Reading needs no torch.
"""

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from edgesim import kinds
from edgesim.errors import ScenarioError
from edgesim.quantities import Interval, did_you_mean
from edgesim.yaml_nodes import REFUSED, Node, Place, Problem
from edgesim.yaml_reader import read as read_yaml

FOLDER = Path(__file__).parent
DEVICE_RANGES = {
    "peak_flops": Interval.parse("(0, inf)"),
    "utilisation": Interval.parse("(0, 1]"),
    "idle_w": Interval.parse("[0, inf)"),
    "active_w": Interval.parse("(0, inf)"),
    "memory_bytes": Interval.parse("(0, inf)"),
}
DEVICE_OPTIONAL = frozenset({"memory_bytes"})
RADIO_RANGES = {state: Interval.parse("[0, inf)") for state in ("sleep_w", "idle_w", "rx_w", "tx_w")}
# What only some radios have; each pair is given together or not at all.
RADIO_OPTIONAL = {
    "tail_w": Interval.parse("[0, inf)"),
    "tail_s": Interval.parse("(0, inf)"),
    "circuit_w": Interval.parse("[0, inf)"),
    "pa_efficiency": Interval.parse("(0, 1]"),
    "pa_max_w": Interval.parse("(0, inf)"),
    "promotion_w": Interval.parse("[0, inf)"),
    "promotion_s": Interval.parse("(0, inf)"),
}
RADIO_PAIRS = (("tail_w", "tail_s"), ("circuit_w", "pa_efficiency"), ("promotion_w", "promotion_s"))
RADIO_NEEDS = {"pa_max_w": "pa_efficiency", "promotion_s": "tail_s"}  # one makes no sense without the other
FACT_KEYS = ("value", "source", "verified")


@dataclass(frozen=True, slots=True)
class DeviceProfile:
    """The hardware of a client or server.

    peak_flops      FP32 peak [FLOP/s]
    utilisation     share of the peak that training sustains, in (0, 1]
    idle_w          power without work, radio apart [W]
    active_w        power while computing, radio apart [W]
    radio           name of its own radio profile
    memory_bytes    main memory, None where not stated [B]
    unverified      names of the values that nobody compared with their source
    """

    name: str
    summary: str
    peak_flops: float
    utilisation: float
    idle_w: float
    active_w: float
    radio: str
    memory_bytes: float | None
    unverified: tuple[str, ...]

    @property
    def sustained_flops(self) -> float:
        """What computing really gets [FLOP/s]."""
        return self.peak_flops * self.utilisation


@dataclass(frozen=True, slots=True)
class RadioProfile:
    """Power of a radio in its states.

    sleep_w        powered down [W]
    idle_w         listening; what a radio without a tail draws whenever it is not on air [W]
    rx_w, tx_w     receiving, transmitting at its usual power [W]
    tail_w         after it was on air, for tail_s; then it sleeps [W]
    tail_s         length of the tail, 0 for a radio that listens for ever [s]
    circuit_w      transmitting, without its power amplifier [W]
    pa_efficiency  radiated power over what the amplifier draws for it; None where tx_w is all that is known
    pa_max_w       of a class-B amplifier: the most it radiates, at which it has that efficiency; None for a constant one [W]
    promotion_w    while it connects to its network, after it slept and before it sends or receives again, for promotion_s [W]
    promotion_s    length of that, 0 for a radio that is always connected [s]
    unverified     as in DeviceProfile
    """

    name: str
    summary: str
    sleep_w: float
    idle_w: float
    rx_w: float
    tx_w: float
    unverified: tuple[str, ...]
    tail_w: float = 0.0
    tail_s: float = 0.0
    circuit_w: float = 0.0
    pa_efficiency: float | None = None
    pa_max_w: float | None = None
    promotion_w: float = 0.0
    promotion_s: float = 0.0

    @property
    def waiting_w(self) -> float:
        """What it draws when nothing has happened for long [W]."""
        return self.sleep_w if self.tail_s else self.idle_w

    def transmitting_w(self, rf_w: float | None) -> float:
        """Power while it radiates `rf_w`: circuit_w + rf_w / efficiency; tx_w where either is not known [W].

        The efficiency is pa_efficiency, or pa_efficiency sqrt(rf_w / pa_max_w) of a class-B amplifier (phy.md 14.1): the power
        it draws grows with the amplitude. Raises ValueError for more than pa_max_w.
        """
        if rf_w is None or self.pa_efficiency is None:
            return self.tx_w
        if self.pa_max_w is None:
            return self.circuit_w + rf_w / self.pa_efficiency
        if rf_w > self.pa_max_w * (1.0 + 1e-9):
            raise ValueError(f"the radio {self.name} transmits {self.pa_max_w:g} W at most, the link budget says {rf_w:g} W")
        return self.circuit_w + math.sqrt(rf_w * self.pa_max_w) / self.pa_efficiency


@cache
def device(name: str) -> DeviceProfile:
    """The device profile that `name` or its alias stands for.

    Raises UsageError for an unknown name, with the nearest one; ScenarioError for a file that breaks the rules.
    """
    return read_device(FOLDER / "devices" / f"{kinds.real_name('devices', name)}.yaml")


@cache
def radio(name: str) -> RadioProfile:
    """The radio profile that `name` or its alias stands for; raises as `device`."""
    return read_radio(FOLDER / "radios" / f"{kinds.real_name('radios', name)}.yaml")


def read_device(path: Path) -> DeviceProfile:
    """The device profile in a file. Raises ScenarioError with every problem of the file, `file:line:column: message`."""
    sheet = _Sheet(path)
    sheet.allow("summary", "radio", *DEVICE_RANGES)
    numbers = {name: sheet.number(name, ranged, name in DEVICE_OPTIONAL) for name, ranged in DEVICE_RANGES.items()}
    summary, own_radio = sheet.text("summary"), sheet.text("radio")
    if own_radio and own_radio not in kinds.radios():
        sheet.complain("radio", f"unknown radio {own_radio!r}{did_you_mean(own_radio, kinds.radios())}")
    sheet.ordered(numbers, "idle_w", "active_w")
    unverified = sheet.finish()
    return DeviceProfile(
        path.stem,
        summary,
        peak_flops=numbers["peak_flops"],
        utilisation=numbers["utilisation"],
        idle_w=numbers["idle_w"],
        active_w=numbers["active_w"],
        radio=own_radio,
        memory_bytes=numbers["memory_bytes"] or None,
        unverified=unverified,
    )


def read_radio(path: Path) -> RadioProfile:
    """The radio profile in a file. Raises as `read_device`."""
    sheet = _Sheet(path)
    sheet.allow("summary", *RADIO_RANGES, *RADIO_OPTIONAL)
    numbers = {name: sheet.number(name, ranged) for name, ranged in RADIO_RANGES.items()}
    extra = {name: sheet.number(name, ranged, True) for name, ranged in RADIO_OPTIONAL.items()}
    for pair in RADIO_PAIRS:
        sheet.together(*pair)
    for name, other in RADIO_NEEDS.items():
        sheet.needs(name, other)
    summary = sheet.text("summary")
    sheet.ordered(numbers, "sleep_w", "idle_w")
    sheet.ordered(numbers, "idle_w", "rx_w")
    sheet.ordered(numbers, "idle_w", "tx_w")
    unverified = sheet.finish()
    efficiency, most_w = (extra.pop(name) or None for name in ("pa_efficiency", "pa_max_w"))
    return RadioProfile(
        path.stem, summary, **numbers, unverified=unverified, **extra, pa_efficiency=efficiency, pa_max_w=most_w
    )


class _Sheet:
    """A profile file being read: gathers every problem, so that all are reported at once."""

    def __init__(self, path: Path) -> None:
        root, self.problems = read_yaml(path.read_bytes(), str(path))
        self.place = root.place if root is not None else Place(str(path))
        self.entries: dict[str, Node] = {}
        self.unverified: list[str] = []
        if root is not None and isinstance(root.value, dict):
            self.entries = root.value
        else:
            self.problems.append(Problem(self.place, "a profile is a mapping of names to values"))

    def complain(self, name: str, message: str) -> None:
        self.problems.append(Problem(self.entries[name].place if name in self.entries else self.place, message))

    def allow(self, *names: str) -> None:
        """Complain about every other name."""
        for name in self.entries.keys() - set(names):
            self.complain(name, f"unknown name {name!r}{did_you_mean(name, names)}; a profile has: {', '.join(names)}")

    def text(self, name: str) -> str:
        """A plain text entry; empty after a complaint."""
        value = self.entries[name].value if name in self.entries else None
        if isinstance(value, str) and value.strip():
            return value
        self.complain(name, f"{name} is missing or no text")
        return ""

    def number(self, name: str, ranged: Interval, optional: bool = False) -> float:
        """A number with its source; 0 where an optional one is left out, and after a complaint."""
        if name not in self.entries:
            if not optional:
                self.complain(name, f"{name} is missing")
            return 0.0
        fact = self.entries[name].value
        if not isinstance(fact, dict) or set(fact) != set(FACT_KEYS):
            self.complain(name, f"{name} must be {{value: <number>, source: <text>, verified: true or false}}")
            return 0.0
        value, source, verified = (fact[key].value for key in FACT_KEYS)
        if not isinstance(source, str) or not source.strip():
            self.complain(name, f"{name} needs a source: where does its number come from?")
        if not isinstance(verified, bool):
            self.complain(name, f"verified of {name} must be true or false")
        elif not verified:
            self.unverified.append(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or value not in ranged:
            shown = "" if value is REFUSED else f", got {value!r}"
            self.complain(name, f"value of {name} must be a number in {ranged}{shown}")
            return 0.0
        return float(value)

    def ordered(self, numbers: dict[str, float], low: str, high: str) -> None:
        """Complain if the power `low` exceeds the power `high`."""
        if not self.problems and numbers[low] > numbers[high]:
            self.complain(low, f"{low} {numbers[low]} exceeds {high} {numbers[high]}")

    def together(self, one: str, other: str) -> None:
        """Complain unless both names are there or neither is."""
        if (one in self.entries) != (other in self.entries):
            here, missing = (one, other) if one in self.entries else (other, one)
            self.complain(here, f"{here} is given without {missing}: a profile has both or neither")

    def needs(self, name: str, other: str) -> None:
        """Complain if `name` is there and `other` is not."""
        if name in self.entries and other not in self.entries:
            self.complain(name, f"{name} is given without {other}, which it needs")

    def finish(self) -> tuple[str, ...]:
        """Names of the unverified values. Raises ScenarioError if anything was wrong."""
        if self.problems:
            raise ScenarioError([str(problem) for problem in sorted(self.problems)])
        return tuple(self.unverified)
