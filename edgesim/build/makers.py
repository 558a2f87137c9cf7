"""Kinds become objects: a spec of a scenario and its knobs -> an instance."""

from collections.abc import Callable
from functools import partial
from typing import Any

from channels.adaptation import Adaptation
from channels.base import Channel
from channels.bit_error_rates import bit_errors
from edgesim import kinds, rng
from edgesim.codecs import target
from edgesim.codecs.adaptive import Adaptive
from edgesim.codecs.base import Codec, Cut
from edgesim.errors import NotFoundError
from edgesim.scenario import Scenario, Spec
from edgesim.sim.radio import Radio
from edgesim.yaml_nodes import dotted

Path = tuple[str | int, ...]


def make(scenario: Scenario, slot: str, spec: Spec, path: Path, *positional: Any) -> Any:
    """An object of the kind that `spec` names, from its knobs."""
    kind = kinds.load(slot, spec.kind)
    return checked(scenario, path, lambda: kind(*positional, **spec.knobs()))


def make_codec(scenario: Scenario, spec: Spec, cut: Cut, path: Path, batch: int, *, is_sized: bool = False) -> Codec:
    """A codec, and those it is made of; the stages of a chain each see what the stage before leaves on the wire.

    A codec that is given an `xi` gets the knobs that make it so (edgesim/codecs/target.py).

    batch     rows that it takes in a step
    is_sized  another codec, of which this is a part, decides how large it is
    """
    knobs, found = spec.knobs(), kinds.read("codec", spec.kind)
    ledger, is_own = knobs.pop("xi_ledger", "paper"), "xi" in found.knobs
    xi = knobs.get("xi") if is_own else knobs.pop("xi", None)
    stated = _stated_size(spec, found)
    if stated and (is_sized or (stated != "xi" and xi is not None)):
        fix = "it gets its size from the codec that it is part of" if is_sized else "give either that or xi"
        raise scenario.problem((*path, stated), f"{spec.kind} states its size by {stated}: {fix}")
    if is_sized and is_own:
        knobs["xi"] = knobs["xi"] or 1.0  # any will do: what it is part of makes others like it
    wraps = not is_own and (xi is not None or found.flags.get("adapts") is True)
    if "stages" in knobs:
        knobs["stages"] = _stages(scenario, knobs["stages"], cut, (*path, "stages"), batch, wraps)
    for name, value in knobs.items():
        if isinstance(value, Spec):  # wrapped by this one
            knobs[name] = make_codec(scenario, value, cut, (*path, name), batch, is_sized=wraps)
    if "seed" in knobs and knobs["seed"] is None:
        knobs["seed"] = rng.seed(scenario.seed, "codec", *path)
    codec: Codec = checked(scenario, path, lambda: kinds.load("codec", spec.kind)(cut, **knobs))
    if xi is not None and not is_sized:
        answered, by_own_rule = path[0] == "uplink", is_own and ledger == "paper"
        aim = target.taken if by_own_rule else target.solved
        codec = checked(scenario, (*path, "xi"), lambda: aim(codec, xi, ledger, batch, answered=answered))
    elif isinstance(codec, Adaptive):
        codec = checked(scenario, path, partial(codec.graded, ledger, batch))
    return codec


def _stated_size(spec: Spec, found: kinds.Kind) -> str | None:
    """The knob by which a codec states its size itself: its dial, if that has another value than its default."""
    name = str(found.flags.get("dial", "xi"))
    knob, value = found.knobs.get(name), spec.values.get(name)
    return name if value is not None and not (knob and (knob.required or value == knob.default)) else None


def _stages(scenario: Scenario, specs: list[Spec], cut: Cut, path: Path, batch: int, is_sized: bool) -> list[Codec]:
    """The stages of a chain; the first that can be larger or smaller is sized by the chain, if any is."""
    stages: list[Codec] = []
    for place, spec in enumerate(specs):
        turned = is_sized and not any(stage.settings for stage in stages)
        seen = Cut(stages[-1].item) if stages else cut
        stages.append(make_codec(scenario, spec, seen, (*path, place), batch, is_sized=turned))
        batch = stages[-1].rows(batch)
    return stages


def make_channel(scenario: Scenario, spec: Spec, bandwidth_hz: float, path: Path) -> Channel:
    """A channel; one made of another gets it made. A bandwidth that is left out is the link radio's [Hz]."""
    knobs = spec.knobs()
    for name, value in knobs.items():
        if isinstance(value, Spec):
            knobs[name] = make_channel(scenario, value, bandwidth_hz, (*path, name))
        elif name == "bandwidth_hz" and value is None:
            knobs[name] = bandwidth_hz
    try:
        channel: Channel = checked(scenario, path, lambda: kinds.load("channel", spec.kind)(**knobs))
    except OSError as error:
        raise NotFoundError(str(scenario.problem(path, f"{error.filename}: {error.strerror}"))) from error
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
        knob, colon, rest = str(error).partition(": ")
        if colon and knob.isidentifier():  # it says itself which knob it is about
            raise scenario.problem((*path, knob), f"{dotted((*path, knob))}: {rest}") from error
        raise scenario.problem(path, str(error)) from error
