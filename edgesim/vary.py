"""What differs from client to client within a group: knobs, and the laws that their values are drawn from."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import Field

from edgesim import kinds
from edgesim.kind_files import Knob
from edgesim.quantities import did_you_mean, shortened
from edgesim.sections import Section
from edgesim.specs import SlotOf, Spec

Laws = dict[str, Annotated[Spec, SlotOf("distribution")]]


class DeviceVary(Section):
    """What differs between devices of one profile.

    rate_factor  its computing speed over its profile's
    """

    rate_factor: Annotated[Spec, SlotOf("distribution")] | None = None


class Vary(Section):
    """Laws of the values that differ from client to client; each client draws its own, once, from a stream of its own.

    channel           knobs of the channel, in both directions as far as they have them: one draw for both
    uplink_channel    knobs of the uplink's channel
    downlink_channel  knobs of the downlink's channel
    device            what differs between devices of one profile
    """

    channel: Laws = Field(default_factory=dict)
    uplink_channel: Laws = Field(default_factory=dict)
    downlink_channel: Laws = Field(default_factory=dict)
    device: DeviceVary | None = None

    def laws(self, direction: str) -> Iterator[tuple[str, str, Spec]]:
        """Section, knob and law of everything that is varied in the channel of `direction`, uplink or downlink."""
        for section in ("channel", f"{direction}_channel"):
            for knob, law in getattr(self, section).items():
                yield section, knob, law


def numbers(kind: str) -> Mapping[str, Knob]:
    """The knobs of a channel kind that are real numbers, which are those that can vary."""
    return {name: knob for name, knob in kinds.read("channel", kind).knobs.items() if _is_real(knob)}


def problems(vary: Vary, channels: Mapping[str, Spec]) -> Iterator[tuple[tuple[str, str], str]]:
    """Section and knob of everything that cannot be varied, and why.

    channels  the group's, by direction: uplink and downlink
    """
    sections = {"channel": list(channels), "uplink_channel": ["uplink"], "downlink_channel": ["downlink"]}
    for section, directions in sections.items():
        specs = [channels[direction] for direction in directions]
        known = {name for spec in specs for name in numbers(spec.kind)}
        for knob in getattr(vary, section):
            if knob not in known:
                named = " or ".join(dict.fromkeys(spec.kind for spec in specs))
                near = did_you_mean(knob, known) or f"; it has {', '.join(sorted(known)) or 'none'}"
                yield (section, knob), f"no knob {shortened(knob)!r} that is a number in the channel {named}{near}"
            elif section != "channel" and knob in vary.channel:
                yield (section, knob), "varies already in vary.channel, for both directions; keep one of the two"


def _is_real(knob: Knob) -> bool:
    return re.match(r"(Annotated\[)?float\b", knob.annotation) is not None
