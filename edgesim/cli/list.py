"""`edgesim list`: the menu of everything a scenario can name."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from edgesim.cli.console import out, width
from edgesim.cli.render import cell, columns, fitted, unit_of
from edgesim.errors import UsageError

EPILOG = """
Examples:

edgesim list

edgesim list codecs

edgesim list codecs adc

edgesim list devices raspberry_pi_4
"""
# The word on the command line -> the slot, and where in a scenario it is named; in the order of the signal path.
SLOTS = {
    "models": ("model", "model"),
    "datasets": ("data", "data"),
    "partitions": ("partition", "data.partition"),
    "augmentations": ("augment", "data.augment"),
    "codecs": ("codec", "uplink.codec, downlink.codec"),
    "channels": ("channel", "uplink.channel, downlink.channel"),
    "radio": ("radio", "uplink.radio, downlink.radio"),
    "transports": ("transport", "uplink.transport, downlink.transport"),
    "mediums": ("medium", "uplink.medium, downlink.medium"),
    "distributions": ("distribution", "clients.vary"),
    "faults": ("fault", "faults"),
    "protocols": ("protocol", "protocol"),
    "optimisers": ("optimiser", "optimiser"),
    "engines": ("engine", "edgesim sweep --engine"),
}
PROFILES = {"devices": "clients.device, server.device", "radios": "clients.radio, server.radio"}
PLOTS = "plots"  # not of a scenario: they are drawn from results
TOPICS = (*SLOTS, *PROFILES, PLOTS, "scenarios")
CITED = "cited   what stands behind the sections of compression.md and phy.md: docs/sources.md"
# What flags of a kind say that a reader of the menu should know.
LABELS = {
    ("reconstruction", True): "(a reconstruction: the source leaves details open)",
    ("fixed_size", False): "(its size may depend on the data: what is announced is the most)",
}


def list_kinds(
    topic: Annotated[
        str | None, typer.Argument(metavar="TOPIC", help=f"One of: {', '.join(TOPICS)}.", show_default=False)
    ] = None,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="One of that topic, in full.", show_default=False)] = None,
) -> None:
    """Show what a scenario can name, one line each. With TOPIC also every knob and its default; with NAME the whole story."""
    if topic is None:
        for each in TOPICS:
            out("\n".join([_heading(each), *columns(_summaries(each), indent=2, width=width()), ""]))
        return
    if topic not in TOPICS:
        from edgesim.quantities import did_you_mean

        raise UsageError(f"no topic {topic!r}{did_you_mean(topic, TOPICS)}; topics: {', '.join(TOPICS)}")
    if name is not None:
        out("\n".join(_in_full(topic, name)))
        return
    for label, text in _summaries(topic):
        out("\n".join([*columns([(label, text)], width=width()), *columns(_knobs(topic, label), indent=4, width=width())]))


def _heading(topic: str) -> str:
    elsewhere = {PLOTS: "edgesim plot --kind", "scenarios": "files in ./scenarios"}
    where = SLOTS[topic][1] if topic in SLOTS else {**PROFILES, **elsewhere}[topic]
    return f"{topic}  ({where})"


def _summaries(topic: str) -> Iterator[tuple[str, str]]:
    """Name and one line of everything under a topic."""
    from edgesim import kinds
    from edgesim.report import gallery

    if topic in SLOTS:
        for name in kinds.names(SLOTS[topic][0]):
            kind = kinds.read(SLOTS[topic][0], name)
            yield name, " ".join([*_labels(kind.flags), kind.summary])
    elif topic in PROFILES:
        for name in kinds.devices() if topic == "devices" else kinds.radios():
            yield name, _profile_line(topic, name)
    elif topic == PLOTS:
        for name in gallery.names():
            yield name, gallery.doc(name).partition("\n")[0]
    else:
        for path in _scenarios():
            yield str(path), _first_comment(path)


def _labels(flags: Mapping[str, object]) -> list[str]:
    return [text for (name, value), text in LABELS.items() if flags.get(name) is value]


def _knobs(topic: str, name: str) -> Iterator[tuple[str, str]]:
    """Every knob of a kind as `name = default` and what it means; the values of a profile."""
    from edgesim import kinds

    if topic in SLOTS:
        for knob_name, knob in kinds.read(SLOTS[topic][0], name).knobs.items():
            default = f"({_plain_type(knob.annotation)}, required)" if knob.required else f"= {_yaml(knob.default)}"
            bounds = f" in {knob.interval}" if knob.interval is not None else ""
            yield f"{knob_name} {default}{bounds}{_choices(knob.annotation)}", knob.doc
    elif topic in PROFILES:
        yield from (row for row in _profile_rows(_profile(topic, name)) if row[0] != "summary")  # stands above already


def _in_full(topic: str, name: str) -> list[str]:
    """Everything known about one kind, profile or scenario."""
    from edgesim import kinds

    if topic in SLOTS:
        kind = kinds.read(SLOTS[topic][0], name)
        return [
            *_labels(kind.flags),
            fitted(kind.doc, width()),
            "",
            "knobs",
            *columns(_knobs(topic, name), indent=2, width=width()),
            "",
            f"source  {kind.path}",
            *([CITED] if ".md " in kind.doc else []),
        ]
    if topic in PROFILES:
        return columns(_profile_rows(_profile(topic, name)), width=width())
    if topic == PLOTS:
        from edgesim.report import gallery

        return [fitted(gallery.doc(name), width())]
    found = [path for path in _scenarios() if name in (str(path), path.name, path.stem)]
    if not found:
        from edgesim.quantities import did_you_mean

        raise UsageError(f"no scenario {name!r} in ./scenarios{did_you_mean(name, [path.stem for path in _scenarios()])}")
    return [found[0].read_text(encoding="utf-8").rstrip("\n")]


def _profile(topic: str, name: str) -> dict[str, Any]:
    from edgesim import kinds

    return kinds.device(name) if topic == "devices" else kinds.radio(name)


def _profile_line(topic: str, name: str) -> str:
    from edgesim import kinds

    real = kinds.real_name(topic, name)
    text = str(_profile(topic, name).get("summary", ""))
    return text if real == name else f"another name for {real}"


def _profile_rows(profile: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The values of a profile, each with its source behind it."""
    for key, entry in profile.items():
        if not isinstance(entry, dict):
            yield key, _yaml(entry)
            continue
        doubt = "" if entry.get("verified") else "not verified: "
        yield key, f"{cell(entry.get('value'), unit_of(key, None))}  ({doubt}{entry.get('source', 'no source')})"


def _scenarios() -> list[Path]:
    """Scenario files of the working directory."""
    return sorted(Path("scenarios").glob("*.yaml"))


def _first_comment(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.readline().lstrip("#").strip()


def _choices(annotation: str) -> str:
    """What a knob of a few fixed values takes."""
    found = re.search(r"Literal\[(.*?)\]", annotation)
    return f" ({found[1].replace(chr(39), '').replace(', ', ' | ')})" if found else ""


def _plain_type(annotation: str) -> str:
    """A type without the interval that is printed beside it."""
    return re.sub(r"Annotated\[(.+?), '[^']*'\]", r"\1", annotation)


def _yaml(value: object) -> str:
    """A value as it is written in a scenario."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
