"""The links of a scenario's clients: what alike clients share is made once."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from channels.base import Channel
from channels.draws import Draws
from channels.inversion import inversion_power
from channels.link_budget import LinkBudget
from edgesim import rng
from edgesim.build.makers import checked, make, make_channel, make_radio
from edgesim.learn.air import AnalogAir, ErasingAir, FlippingAir
from edgesim.scenario import LinkSpec, Scenario, Spec
from edgesim.sim.device import Device
from edgesim.sim.ledger import Ledger
from edgesim.sim.link import Air, Link
from edgesim.sim.mediums.base import Medium
from edgesim.sim.packets import Chance
from edgesim.sim.track import Fading
from edgesim.sim.transports.base import Transport


class Links:
    """Makes the links of one direction in one world.

    medium  the air they share
    """

    def __init__(self, scenario: Scenario, ledger: Ledger, direction: str, clients: int) -> None:
        self._scenario, self._ledger, self._direction = scenario, ledger, direction
        self._name = f"{direction}link"
        self._spec: LinkSpec = getattr(scenario, self._name)
        key = rng.seed(scenario.seed, "medium", direction)
        where = (self._name, "medium")
        self.medium: Medium = make(scenario, "medium", self._spec.medium, where, ledger, direction, clients, key)
        self._transports: dict[float, Transport] = {}  # by share of the band
        self._channels: dict[int, tuple[Spec, Channel]] = {}  # by the identity of the Spec, which is kept along with it

    def between(self, sender: Device, receiver: Device, client: int, spec: Spec) -> Link:
        """The link of a client, over a channel of its own."""
        scenario, direction = self._scenario, self._direction
        transport, channel = self._transport(self.medium.share(client)), self._channel(spec)
        seed = partial(rng.seed, scenario.seed)
        who = f"client{client}"
        key, gain = seed("fading", who, direction), self.medium.gain(client)
        law = (channel.fading if isinstance(channel, LinkBudget) else channel).law
        loses = type(channel).losses is not Channel.losses
        chance = Chance(
            seed("packets", who, direction),
            partial(channel.losses, key=key) if loses else None,
            channel.bit_error_rate,
            partial(inversion_power, law.cdf) if law else None,
            _stronger(partial(channel.by_subcarrier, key=key), gain) if channel.subcarriers > 1 else None,
        )
        air = _air(transport, channel, seed("noise", who, direction))
        fading = _stronger(partial(channel.draws, key=key), gain)
        return Link(self._ledger, direction, sender, receiver, transport, fading, air, chance, self.medium)

    def _transport(self, share: float) -> Transport:
        """The transport over so much of the band."""
        if share not in self._transports:
            scenario, spec, name = self._scenario, self._spec, self._name
            band = spec.radio.values["bandwidth_hz"] * share
            narrowed = replace(spec.radio, values=spec.radio.values | {"bandwidth_hz": band})
            radio = checked(scenario, (name, "radio"), lambda: make_radio(narrowed))
            self._transports[share] = make(scenario, "transport", spec.transport, (name, "transport"), radio)
        return self._transports[share]

    def _channel(self, spec: Spec) -> Channel:
        """The channel over the whole band; pure laws, which differ from link to link by their key alone."""
        if id(spec) not in self._channels:
            band = self._spec.radio.values["bandwidth_hz"]
            self._channels[id(spec)] = spec, make_channel(self._scenario, spec, band, (self._name, "channel"))
        return self._channels[id(spec)][1]


def _stronger(fading: Any, gain: float) -> Fading:
    """The same fading at `gain` times the SNR."""
    if gain == 1.0:
        law: Fading = fading
        return law

    def scaled(start_s: float, blocks: int) -> Draws:
        draws: Draws = fading(start_s, blocks)
        return draws._replace(snr=np.asarray(draws.snr) * gain)

    return scaled


def _air(transport: Transport, channel: Channel, seed: int) -> Air | None:
    """What reaches the tensors under this transport."""
    knobs = vars(transport)
    if transport.harm == "noise":
        return AnalogAir(channel, knobs["equaliser"], seed)
    if transport.harm == "erasures":
        return ErasingAir(knobs["fill"])
    return FlippingAir(knobs["guard"]) if transport.harm == "flips" else None
