"""What a simulated world remembers between two units: taken out, and put back to the last bit.

Plain data: numbers, texts, None, lists, arrays, and mappings from text to such; the halves add their tensors. What there is for
each client is an array, for there may be a hundred thousand. Nothing is in flight then, and channels, transports, hazards and
the order of clients are functions of seed and time: they remember nothing.

A state fits a world of as many clients over the same devices; a medium of another kind begins anew.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import partial
from operator import attrgetter
from typing import Any

import numpy as np

from edgesim.sim.discipline import Clock
from edgesim.sim.ledger import Ledger
from edgesim.sim.link import Link
from edgesim.sim.mediums.base import Medium
from edgesim.sim.meter import Meter, _Sort
from edgesim.sim.presence import Presence
from edgesim.sim.sums import COLUMNS, Places
from edgesim.sim.traffic import Direction, Traffic
from edgesim.sim.world import Client, World
from edgesim.wire import Payload
from edgesim.work import Message

State = dict[str, Any]
BUILT = ("base_w", "_tail_w", "_tail_s")  # of a meter: the device's, not the run's
NUMBERS = ("opened", "_since", "_joules", "activity_joules", "connected_s")
CENSUS = ("_opened", "_since", "inside", "came", "_area_s", "_stayed_s", "_arrivals_s")


def state(world: World) -> State:
    """Everything that changes in a world while it runs. Its tensors are those in use."""
    ledger, clients = world.ledger, world.clients
    return {
        "steps": world.steps,
        "rounds": world.rounds,
        "fruitless": [world._fruitless, world.rehearsal._fruitless if world.rehearsal is not None else 0],
        "cursor": dict(world.cursor),
        "limits": world.budget.limits,
        "model": _tensors(world.model),
        "now": ledger.now,
        "places": list(ledger._places),
        "meters": _meters(ledger.meters, ledger._places),
        "mediums": [_medium(medium, ledger.meters) for medium in _mediums(ledger)],
        "traffic": {name: _direction(total) for name, total in ledger.traffic.by_direction.items()},
        "presence": _presence(world.presence),
        "clients": _clients(clients),
        "halves": _numbered((client.number, client.half.state()) for client in clients),
        "pilots": _numbered((client.number, client.pilot.state()) for client in clients if client.pilot is not None),
        "server": world.server.half.state(),
        "replicas": {str(number): half.state() for number, half in world.server.replicas.items()},
    }


def restore(world: World, state: State) -> None:
    """Put a fresh world where `state` was taken. Raises ValueError, saying what, where it does not fit."""
    ledger, clients = world.ledger, world.clients
    there = len(state["clients"]["steps"])
    if there != len(clients):
        raise ValueError(f"clients: there are {len(clients)}, and the checkpoint has {there}")
    world.steps, world.rounds = state["steps"], state["rounds"]
    world._fruitless, of_rehearsal = state["fruitless"]
    if world.rehearsal is not None:
        world.rehearsal._fruitless = of_rehearsal
    world.cursor = dict(state["cursor"])
    _put_halves(world, state)
    with ledger.put_back(state["now"]):
        _put_meters(ledger, state["places"], state["meters"])
        _put_presence(world.presence, ledger, state["presence"])
        for medium, one in zip(_mediums(ledger), state["mediums"], strict=False):
            _put_medium(medium, ledger.meters, one)
    ledger.traffic = Traffic({name: _put_direction(one) for name, one in state["traffic"].items()})
    _put_clients(clients, state["clients"])
    for client in clients:
        kept = state["pilots"].get(str(client.number))
        if client.pilot is not None and kept is not None:
            is_same = state["limits"] == world.budget.limits
            client.pilot.restore(kept if is_same else kept | {"last": None})  # what is left then was of another budget


def _numbered(states: Iterable[tuple[int, State]]) -> State:
    """Those that are not empty, by number."""
    return {str(number): one for number, one in states if one}


# -- halves -------------------------------------------------------------------------------------------------------------


def _tensors(message: Message | None) -> State | None:
    """A message of the size that a client's half has."""
    return None if message is None else dict(message.tensors) if isinstance(message, Payload) else {}


def _put_halves(world: World, state: State) -> None:
    for client in world.clients:
        client.half.restore(state["halves"].get(str(client.number), {}))
    world.server.half.restore(state["server"])
    for number, one in state["replicas"].items():
        world.server.replica(int(number)).restore(one)
    world.model = None
    if state["model"] is not None:
        world.model = world.clients[0].half.weights()
        if isinstance(world.model, Payload):
            for name, tensor in world.model.tensors.items():
                tensor.copy_(state["model"][name])


# -- clients ------------------------------------------------------------------------------------------------------------


def _links(clients: Iterable[Client]) -> list[Link]:
    return [link for client in clients for link in (client.uplink, client.downlink)]


def _clients(clients: list[Client]) -> State:
    links = _links(clients)
    caught = {str(place): dict(link.air.caught) for place, link in enumerate(links) if link.air is not None}
    return {
        "steps": np.array([client.steps for client in clients], dtype=np.int64),
        "begun": np.array([client.account.step for client in clients], dtype=np.int64),
        "joules": np.array([client.joules for client in clients]),
        "transfers": np.array([link.transfers for link in links], dtype=np.int64),
        "caught": {place: counts for place, counts in caught.items() if any(counts.values())},
    }


def _put_clients(clients: list[Client], state: State) -> None:
    steps, begun, joules = (state[name].tolist() for name in ("steps", "begun", "joules"))
    for place, client in enumerate(clients):
        client.steps, client.account.step, client.joules = steps[place], begun[place], joules[place]
    for place, (link, transfers) in enumerate(zip(_links(clients), state["transfers"].tolist(), strict=True)):
        link.transfers = transfers
        if link.air is not None:
            link.air.caught.update(state["caught"].get(str(place), {}))


# -- meters -------------------------------------------------------------------------------------------------------------


def _meters(meters: list[Meter], places: Places) -> State:
    """At rest a meter has a tail or none, and a device that is off is under way with that."""
    sums = np.zeros((len(meters), COLUMNS * len(places)))
    for row, meter in zip(sums, meters, strict=True):
        row[: len(meter._sums._numbers)] = meter._sums._numbers
    alone, active = {}, {}
    for place, meter in enumerate(meters):
        if meter._alone is not None:
            alone[str(place)] = list(meter._alone)
        if meter._active:
            active[str(place)] = [[sort.phase, sort.state, sort.watts, sort.since, sort.count] for sort in meter._active]
    return {
        "built": _table(meters, BUILT),
        "numbers": _table(meters, NUMBERS),
        "tails": np.array([meter._tail or (np.nan, np.nan) for meter in meters]),
        "sums": sums,
        "alone": alone,
        "active": active,
    }


def _table(things: list[Any], names: tuple[str, ...]) -> np.ndarray:
    """[things, names] float"""
    get = attrgetter(*names)
    return np.array([get(thing) for thing in things], dtype=np.float64)


def _put_meters(ledger: Ledger, places: list[str], state: State) -> None:
    ledger._places.clear()
    for name in places:
        _ = ledger._places[name]
    differ = (state["built"] != _table(ledger.meters, BUILT)).any(axis=1)
    if differ.any():
        who = ledger.meters[int(differ.argmax())].actor
        raise ValueError(f"{who}: it draws another power than when the checkpoint was taken; keep the devices and radios")
    rows = zip(state["numbers"].tolist(), state["tails"].tolist(), state["sums"], strict=True)
    for place, (meter, (numbers, tail, sums)) in enumerate(zip(ledger.meters, rows, strict=True)):
        for name, value in zip(NUMBERS, numbers, strict=True):
            setattr(meter, name, value)
        meter._sums._numbers.frombytes(sums.tobytes())
        meter._tail = None if np.isnan(tail[0]) else (tail[0], tail[1])
        sorts = state["active"].get(str(place), ())
        meter._active = tuple(_sort(*about) for about in sorts)
        alone = state["alone"].get(str(place))
        meter._alone = None if alone is None else tuple(alone)
        meter._changed()


def _sort(phase: str, state: str, watts: float, since: float, count: int) -> _Sort:
    made = _Sort(phase, state, watts, None, since)
    made.count = count
    return made


# -- mediums ------------------------------------------------------------------------------------------------------------


def _mediums(ledger: Ledger) -> list[Medium]:
    return [medium for medium in ledger.mediums if isinstance(medium, Medium)]


def _medium(medium: Medium, meters: list[Meter]) -> State:
    """The discipline without jobs, what its clocks show, and the wake-up that is planned."""
    discipline, number = medium._discipline, {id(meter): place for place, meter in enumerate(meters)}
    names = {(phase, power): place for place, (phase, power) in enumerate(dict.fromkeys(key[1:] for key in medium._clocks))}
    return {
        "kind": type(medium).__name__,
        "census": [getattr(medium.census, name) for name in CENSUS],
        "discipline": discipline.state() if discipline is not None else {},
        "wake_up": None if medium._wake_up is None else [medium._wake_up, medium._wakes_s],
        "names": [list(pair) for pair in names],
        "whose": np.array([(number[id(key[0])], names[key[1:]]) for key in medium._clocks], dtype=np.int64).reshape(-1, 2),
        "clocks": _table(list(medium._clocks.values()), ("seconds", "running", "mark")).reshape(-1, 3),
    }


def _put_medium(medium: Medium, meters: list[Meter], state: State) -> None:
    for name, value in zip(CENSUS, state["census"], strict=True):
        setattr(medium.census, name, value)
    discipline = medium._discipline
    if discipline is None or type(medium).__name__ != state["kind"]:
        return
    discipline.restore(state["discipline"])
    for (place, name), numbers in zip(state["whose"].tolist(), state["clocks"].tolist(), strict=True):
        clock = medium._clocks[(meters[place], *state["names"][name])] = Clock(medium._read)
        clock.seconds, clock.running, clock.mark = numbers
    if state["wake_up"] is not None:
        medium._wake_up, medium._wakes_s = state["wake_up"]
        medium.ledger.at(medium._wakes_s, partial(medium._wake, medium._wake_up, discipline))


# -- who is there -------------------------------------------------------------------------------------------------------


def _presence(presence: Presence) -> State:
    kept = {name: _by_client(getattr(presence, name)) for name in ("dead", "_off", "_turns", "_alarms")}
    return {"counts": dict(presence.counts), "has_looked": presence._has_looked, **kept}


def _put_presence(presence: Presence, ledger: Ledger, state: State) -> None:
    presence.counts = Counter(state["counts"])
    presence.dead, presence._off = _from(state["dead"]), _from(state["_off"])
    presence._has_looked = state["has_looked"]
    if not presence._has_looked:  # the run has not begun
        ledger.at(0.0, presence._look)
    for client, time in _from(state["_turns"]).items():
        presence._turns[client] = ledger.at(time, partial(presence._turn, client))
    for client, time in _from(state["_alarms"]).items():
        presence._alarms[client] = ledger.at(time, partial(presence._ring, client))


def _by_client(numbers: Mapping[int, float]) -> State:
    """A mapping from clients to numbers, its order included."""
    return {"client": np.array(list(numbers), dtype=np.int64), "number": np.array(list(numbers.values()))}


def _from(state: State) -> dict[int, Any]:
    return dict(zip(state["client"].tolist(), state["number"].tolist(), strict=True))


# -- traffic ------------------------------------------------------------------------------------------------------------


def _direction(total: Direction) -> State:
    kept = {item.name: getattr(total, item.name) for item in fields(total) if item.name != "by_client"}
    labels = {label: list(numbers) for label, numbers in total.by_label.items()}
    by_client = {"client": np.array(list(total.by_client), dtype=np.int64), "bits": list(total.by_client.values())}
    return kept | {"by_label": labels, "by_client": by_client}


def _put_direction(state: State) -> Direction:
    by_client = dict(zip(state["by_client"]["client"].tolist(), state["by_client"]["bits"], strict=True))
    labels = {label: list(numbers) for label, numbers in state["by_label"].items()}
    return Direction(**(state | {"by_label": labels, "by_client": by_client}))
