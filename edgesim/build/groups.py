"""The clients of a scenario one by one: what each has of its own, drawn where its group says that it varies."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgesim import rng
from edgesim.build.makers import make
from edgesim.quantities import Interval
from edgesim.scenario import Group, Scenario, Spec
from edgesim.vary import numbers

_RATE_FACTOR = Interval.parse("(0, inf)")


class ClientFacts(NamedTuple):
    """One client, before anything of it is built.

    number            counted through all groups of the scenario
    group             its group's number
    device            device profile
    radio             radio profile, None for the device profile's own
    uplink_channel    with its own values in the place of the group's
    downlink_channel  likewise
    data_share        how much of the training set it gets, relative to the others
    rate_factor       its computing speed over its device profile's
    half_duplex       its radio cannot send and receive at the same time
    """

    number: int
    group: int
    device: str
    radio: str | None
    uplink_channel: Spec
    downlink_channel: Spec
    data_share: float
    rate_factor: float
    half_duplex: bool


class _Members(NamedTuple):
    """The clients of one group: their numbers, and what each has of its own."""

    group: Group
    numbers: range
    uplinks: Sequence[Spec]
    downlinks: Sequence[Spec]
    rates: Sequence[float]


class Clients(Collection[ClientFacts]):
    """Clients in the order of their groups, put together when they are asked for: a hundred thousand of them take room."""

    def __init__(self, groups: Sequence[_Members]) -> None:
        self._groups = groups

    def __len__(self) -> int:
        return sum(len(members.numbers) for members in self._groups)

    def __iter__(self) -> Iterator[ClientFacts]:
        for place, (group, *columns) in enumerate(self._groups):
            for number, up, down, rate in zip(*columns, strict=True):
                yield ClientFacts(number, place, group.device, group.radio, up, down, group.data_share, rate, group.half_duplex)

    def __contains__(self, client: object) -> bool:
        return any(client == each for each in self)


def clients_of(scenario: Scenario) -> Clients:
    """Every client of the scenario; clients without own values share their group's Specs.

    A value is a pure function of the seed, the knob's name and the client's number: changing a law, another knob or the number
    of clients behind it leaves the draws as they are. Raises ScenarioError where a law is impossible or draws a value that the
    knob cannot have.
    """
    found: list[_Members] = []
    first = 0
    for place, group in enumerate(scenario.clients):
        found.append(_of_group(scenario, place, group, range(first, first + group.count)))
        first += group.count
    return Clients(found)


def drawn(scenario: Scenario, clients: Collection[ClientFacts]) -> list[dict[str, float]]:
    """What each client drew, by knob as in `channel.distance_m` and `device.rate_factor`; [clients]."""
    return [_own(scenario.clients[client.group], client) for client in clients]


def _own(group: Group, client: ClientFacts) -> dict[str, float]:
    if group.vary is None:
        return {}
    values = {"uplink": client.uplink_channel.values, "downlink": client.downlink_channel.values}
    found = {
        f"{section}.{knob}": values[direction][knob]
        for direction in values
        for section, knob, _ in group.vary.laws(direction)
        if knob in values[direction]
    }
    if group.vary.device and group.vary.device.rate_factor:
        found["device.rate_factor"] = client.rate_factor
    return found


def _of_group(scenario: Scenario, place: int, group: Group, clients: range) -> _Members:
    up = _channels(scenario, place, "uplink", group.uplink_channel or scenario.uplink.channel, clients)
    down = _channels(scenario, place, "downlink", group.downlink_channel or scenario.downlink.channel, clients)
    factor = group.vary and group.vary.device and group.vary.device.rate_factor
    rates = _drawn(scenario, place, "device", "rate_factor", factor, _RATE_FACTOR, clients) if factor else [1.0] * group.count
    return _Members(group, clients, up, down, rates)


def _channels(scenario: Scenario, place: int, direction: str, spec: Spec, clients: range) -> list[Spec]:
    """The channel of each client in one direction."""
    vary = scenario.clients[place].vary
    knobs = numbers(spec.kind)
    varied = {
        knob: _drawn(scenario, place, section, knob, law, knobs[knob].interval, clients)
        for section, knob, law in (vary.laws(direction) if vary else ())
        if knob in knobs
    }
    if not varied:
        return [spec] * len(clients)
    return [
        replace(spec, values=spec.values | dict(zip(varied, own, strict=True))) for own in zip(*varied.values(), strict=True)
    ]


def _drawn(
    scenario: Scenario, place: int, section: str, knob: str, law: Spec, allowed: Interval | None, clients: range
) -> list[float]:
    path = ("clients", place, "vary", section, knob)
    uniforms = _uniforms(scenario.seed, f"{section}.{knob}", clients)
    values: list[float] = make(scenario, "distribution", law, path).draw(uniforms).tolist()
    for client, value in zip(clients, values, strict=True):
        if allowed is not None and value not in allowed:
            raise scenario.problem(
                path, f"client {client} draws {value:.6g}, but {knob} must be {allowed.words()}; bound the law"
            )
    return values


def _uniforms(seed: int, knob: str, clients: Sequence[int]) -> NDArray[np.float64]:
    """A number in (0, 1) for each client, [clients]: 52 bits of its seed, so that neither 0 nor 1 can come."""
    bits = np.array([rng.seed(seed, "vary", knob, client) >> 11 for client in clients], dtype=np.float64)
    return (bits + 0.5) * 2.0**-52
