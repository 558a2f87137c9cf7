"""The links of a scenario's clients: what alike clients share is made once."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

import numpy as np

from channels.base import Channel
from channels.draws import Draws
from channels.inversion import inversion_power
from channels.link_budget import LinkBudget
from channels.ofdm import effective
from edgesim import kinds, rng
from edgesim.build.makers import Path, checked, make, make_channel, make_radio
from edgesim.errors import RunError
from edgesim.learn.air import AnalogAir, ErasingAir, FlippingAir
from edgesim.scenario import LinkSpec, Scenario, Spec
from edgesim.sim.device import Device
from edgesim.sim.hazards import Hazards
from edgesim.sim.ledger import Ledger
from edgesim.sim.link import Air, Link
from edgesim.sim.mediums.base import Medium
from edgesim.sim.outages import Interrupted
from edgesim.sim.packets import Chance
from edgesim.sim.track import Fading
from edgesim.sim.transports.base import Transport
from edgesim.sim.windows import Joint

Inversion = Callable[[float], float]
DrawsOf = Callable[[float, int, int], Draws]  # a channel's, bound once for all its links


class Links:
    """Makes the links of one direction in one world.

    medium   the air they share
    hazards  what may fail
    """

    def __init__(
        self, scenario: Scenario, ledger: Ledger, direction: str, clients: int, hazards: Hazards | None = None
    ) -> None:
        self._hazards = hazards
        self._scenario, self._ledger, self._direction = scenario, ledger, direction
        self._name = f"{direction}link"
        self._spec: LinkSpec = getattr(scenario, self._name)
        key = rng.seed(scenario.seed, "medium", direction)
        where = (self._name, "medium")
        self.medium = _medium(scenario, self._spec.medium, where, (ledger, direction, clients, key))
        self._transports: dict[float, Transport] = {}  # by share of the band
        # by the identity of the Spec, which is kept along with them
        self._channels: dict[int, tuple[Spec, tuple[Channel, Inversion | None, DrawsOf]]] = {}

    def between(self, sender: Device, receiver: Device, client: int, spec: Spec) -> Link:
        """The link of a client, over a channel of its own."""
        direction, who, root = self._direction, f"client{client}", self._scenario.seed
        transport, (channel, inversion, draws) = self._transport(self.medium.share(client)), self._channel(spec)
        key, gain = rng.seed(root, "fading", who, direction), self.medium.gain(client)
        loses = type(_small_scale(channel)).losses is not Channel.losses
        chance = Chance(
            rng.seed(root, "packets", who, direction),
            partial(_lost, channel, key) if loses else None,
            channel.bit_error_rate,
            inversion,
            self._interrupted(client, Fade(channel.by_subcarrier, key, gain)) if channel.subcarriers > 1 else None,
        )
        air = _air(transport, channel, root, "noise", who, direction)
        wide = channel.subcarriers > 1 and gain != 1.0  # what a band carries does not grow with the SNR by the same factor
        fade = Fade(channel.by_subcarrier if wide else draws, key, gain, together=wide)
        fading = self._interrupted(client, fade)
        return Link(self._ledger, direction, sender, receiver, transport, fading, air, chance, self.medium)

    def _interrupted(self, client: int, fading: Fading) -> Fading:
        """A client's channel with the windows in which it, or the server, is out."""
        out = self._hazards.outages(client, self._direction) if self._hazards is not None else []
        return Interrupted(fading, Joint([windows for _kind, windows in out])) if out else fading

    def _transport(self, share: float) -> Transport:
        """The transport over so much of the band."""
        if share not in self._transports:
            scenario, spec, name = self._scenario, self._spec, self._name
            band = spec.radio.values["bandwidth_hz"] * share
            narrowed = replace(spec.radio, values=spec.radio.values | {"bandwidth_hz": band})
            radio = checked(scenario, (name, "radio"), lambda: make_radio(narrowed))
            self._transports[share] = make(scenario, "transport", spec.transport, (name, "transport"), radio)
        return self._transports[share]

    def _channel(self, spec: Spec) -> tuple[Channel, Inversion | None, DrawsOf]:
        """The channel over the whole band, a pure law that differs from link to link by its key alone, and its inversion."""
        if id(spec) not in self._channels:
            band = self._spec.radio.values["bandwidth_hz"]
            channel = make_channel(self._scenario, spec, band, (self._name, "channel"))
            law = _small_scale(channel).law
            self._channels[id(spec)] = spec, (channel, cache(partial(inversion_power, law.cdf)) if law else None, channel.draws)
        return self._channels[id(spec)][1]


class Fade:
    """A channel's draws for one link. Small: there are two for every client.

    gain      of the SNR
    together  the draws tell subcarriers apart, and their effective SNR is wanted
    """

    __slots__ = ("_draws", "_gain", "_key", "_together")

    def __init__(self, draws: Callable[..., Draws], key: int, gain: float, *, together: bool = False) -> None:
        self._draws, self._key, self._gain, self._together = draws, key, gain, together

    def __call__(self, start_s: float, blocks: int) -> Draws:
        try:
            draws = self._draws(start_s, blocks, self._key)
        except ValueError as error:  # a time so late that blocks cannot be told apart
            raise RunError(f"the channel cannot say what it is at {start_s:.6g} s: {error}") from error
        if self._gain == 1.0 and not self._together:
            return draws
        snr = np.asarray(draws.snr) * self._gain
        return Draws(draws.gain.mean(axis=1), effective(snr), draws.seconds) if self._together else draws._replace(snr=snr)


def _small_scale(channel: Channel) -> Channel:
    """What fades and loses: a link budget adds its mean SNR only."""
    return channel.fading if isinstance(channel, LinkBudget) else channel


def _lost(channel: Channel, key: int, start_s: float, packets: int, packet_s: float) -> np.ndarray:
    """`Channel.losses` of one link."""
    try:
        return channel.losses(start_s, packets, packet_s, key)
    except ValueError as error:  # a time so late that bursts cannot be told apart
        raise RunError(f"the channel cannot say what it loses at {start_s:.6g} s: {error}") from error


def _medium(scenario: Scenario, spec: Spec, path: Path, about: tuple[Ledger, str, int, int]) -> Medium:
    """A medium; one that deals out its time like another gets that made."""
    knobs = spec.knobs()
    for name, value in knobs.items():
        if isinstance(value, Spec):
            knobs[name] = _medium(scenario, value, (*path, name), about)
    medium: Medium = checked(scenario, path, lambda: kinds.load("medium", spec.kind)(*about, **knobs))
    return medium


def _air(transport: Transport, channel: Channel, root: int, *purpose: str) -> Air | None:
    """What reaches the tensors under this transport."""
    knobs = vars(transport)
    if transport.harm == "noise":
        return AnalogAir(channel, knobs["equaliser"], rng.seed(root, *purpose))
    if transport.harm == "erasures":
        return ErasingAir(knobs["fill"])
    return FlippingAir(knobs["guard"]) if transport.harm == "flips" else None
