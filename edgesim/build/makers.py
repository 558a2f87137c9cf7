"""Kinds become objects: a spec of a scenario and its knobs -> an instance."""

from collections.abc import Callable
from typing import Any

from channels.adaptation import Adaptation
from channels.base import Channel
from channels.bit_error_rates import bit_errors
from edgesim import kinds
from edgesim.codecs.base import Codec, Cut
from edgesim.scenario import Scenario, Spec
from edgesim.sim.radio import Radio

Path = tuple[str | int, ...]


def make(scenario: Scenario, slot: str, spec: Spec, path: Path, *positional: Any) -> Any:
    """An object of the kind that `spec` names, from its knobs."""
    kind = kinds.load(slot, spec.kind)
    return checked(scenario, path, lambda: kind(*positional, **spec.knobs()))


def make_codec(scenario: Scenario, spec: Spec, cut: Cut, path: Path) -> Codec:
    """A codec, and those it is made of; the stages of a chain each see what the stage before leaves on the wire."""
    knobs = spec.knobs()
    if "stages" in knobs:
        stages: list[Codec] = []
        for place, stage in enumerate(knobs["stages"]):
            stages.append(make_codec(scenario, stage, Cut(stages[-1].item) if stages else cut, (*path, "stages", place)))
        knobs["stages"] = stages
    for name, value in knobs.items():
        if isinstance(value, Spec):  # wrapped by this one
            knobs[name] = make_codec(scenario, value, cut, (*path, name))
    codec: Codec = checked(scenario, path, lambda: kinds.load("codec", spec.kind)(cut, **knobs))
    return codec


def make_channel(scenario: Scenario, spec: Spec, bandwidth_hz: float, path: Path) -> Channel:
    """A channel; one made of another gets it made. A bandwidth that is left out is the link radio's [Hz]."""
    knobs = spec.knobs()
    for name, value in knobs.items():
        if isinstance(value, Spec):
            knobs[name] = make_channel(scenario, value, bandwidth_hz, (*path, name))
        elif name == "bandwidth_hz" and value is None:
            knobs[name] = bandwidth_hz
    channel: Channel = checked(scenario, path, lambda: kinds.load("channel", spec.kind)(**knobs))
    return channel


def make_radio(spec: Spec) -> Radio:
    """A link's radio; its coding where it sends with the schemes of a table."""
    knobs = spec.knobs()
    coding = None
    if knobs["rates"] != "shannon":
        on_air = knobs["packet_bits"] + knobs["header_bits"]
        coding = Adaptation(knobs["rates"], on_air, target=knobs["target_bler"], fixed=knobs["mcs"])
    return Radio(coding, bit_errors, **knobs)


def checked(scenario: Scenario, path: Path, made: Callable[[], Any]) -> Any:
    try:
        return made()
    except ValueError as error:
        raise scenario.problem(path, str(error)) from error
