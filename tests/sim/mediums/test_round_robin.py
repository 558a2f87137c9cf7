"""Round robin against a simulation that looks at every turn."""

from collections import deque
from contextlib import suppress

import numpy as np
import pytest
import simpy

from edgesim.sim.account import Account
from edgesim.sim.discipline import Load
from edgesim.sim.ledger import Ledger
from edgesim.sim.mediums.round_robin import RoundRobin

from .conftest import RX_W, SERVER_W, TX_W, Arrival, City


def turn_by_turn(arrivals: list[Arrival], quantum_s: float) -> list[float]:
    """When each load ends; at one instant, who comes is in line before whose turn has just ended."""
    coming = deque(sorted((arrival.at, place) for place, arrival in enumerate(arrivals)))
    left = [arrival.air_s for arrival in arrivals]
    ends, line, now = [0.0 for _ in arrivals], deque(), 0.0
    while coming or line:
        if not line:
            now = max(now, coming[0][0])
        while coming and coming[0][0] <= now:
            line.append(coming.popleft()[1])
        place = line.popleft()
        turn = min(quantum_s, left[place])
        now += turn
        left[place] -= turn
        while coming and coming[0][0] <= now:
            line.append(coming.popleft()[1])
        if left[place] > 1e-12:
            line.append(place)
        else:
            ends[place] = now
    return ends


@pytest.mark.parametrize("quantum_s", [0.013, 0.1, 0.7, 10.0])
def test_arithmetic_finds_what_a_look_at_every_turn_finds(city: type[City], quantum_s: float) -> None:
    rng = np.random.default_rng(6)
    arrivals = [Arrival(float(rng.uniform(0.0, 6.0)), float(rng.exponential(0.6)), client) for client in range(12)]
    place = city(lambda ledger: RoundRobin(ledger, "up", 12, 0, quantum_s=quantum_s), 12)
    seen = place.serve(arrivals)
    assert [arrival.at + one.stayed_s for arrival, one in zip(arrivals, seen, strict=True)] == pytest.approx(
        turn_by_turn(arrivals, quantum_s)
    )
    place.check_the_books(seen)


def test_whole_multiples_of_a_turn_leave_no_crumbs(city: type[City]) -> None:
    """0.3 is no multiple of 0.1 in binary; three loads of three turns each."""
    place = city(lambda ledger: RoundRobin(ledger, "up", 3, 0, quantum_s=0.1), 3)
    seen = place.serve([Arrival(0.0, 0.3, client) for client in range(3)])
    assert [one.stayed_s for one in seen] == pytest.approx([0.7, 0.8, 0.9])


def test_a_stretch_is_charged_for_the_turns_within_it(city: type[City]) -> None:
    """Turns of 1 s; a receiver that begins to compute at 1.5 s closes the stretch there."""
    place = city(lambda ledger: RoundRobin(ledger, "up", 2, 0, quantum_s=1.0), 2)
    entries = []
    place.ledger.listen(entries.append, None)

    def computing():
        yield from place.ledger.spend("forward", 1.5)
        place.meters[0].settle(1.5)

    place.ledger.env.process(computing())
    place.serve([Arrival(0.0, 2.0, 0), Arrival(0.0, 2.0, 1)])
    mine = [entry for entry in entries if entry.actor == "client0"]
    assert [(entry.start_s, entry.end_s) for entry in mine][:2] == [(0.0, 1.5), (1.5, 3.0)]
    assert [entry.joules for entry in mine][:2] == pytest.approx([1.5 + TX_W * 1.0, 1.5 + TX_W * 1.0])


@pytest.mark.parametrize("quantum_s", [0.0, -1.0, float("nan")])
def test_a_turn_takes_time(quantum_s: float) -> None:
    with pytest.raises(ValueError, match="quantum_s must be positive"):
        RoundRobin(Ledger(), "up", 2, 0, quantum_s=quantum_s)


def tick_by_tick(arrivals: list[tuple[int, int, int]], quantum: int) -> list[int]:
    """How long each is on air that comes, needs and leaves, unless it is done before, at these ticks; see `turn_by_turn`."""
    own, line, turn = [0 for _ in arrivals], deque(), 0
    for now in range(max(leaves for _at, _air, leaves in arrivals)):
        for place, (at, _air, leaves) in enumerate(arrivals):
            if at == now:
                line.append(place)
            elif leaves == now and place in line:
                turn = 0 if line[0] == place else turn
                line.remove(place)
        if turn == quantum:
            line.rotate(-1)
            turn = 0
        if not line:
            continue
        place, turn = line[0], turn + 1
        own[place] += 1
        if own[place] == arrivals[place][1]:
            line.popleft()
            turn = 0
    return own


@pytest.mark.parametrize("seed", range(4))
def test_who_goes_in_the_middle_gives_its_turns_back_and_every_receiver_pays_for_its_own(city: type[City], seed: int) -> None:
    """Twelve clients of two receivers, of whom some lose patience; in ticks that binary numbers hold exactly."""
    rng, tick_s, quantum = np.random.default_rng(seed), 2.0**-10, 16
    instants = rng.permutation(500)[:12]
    arrivals = [
        (int(instants[client]), int(rng.integers(1, 200)), int(instants[client]) + int(rng.integers(60, 900)))
        for client in range(12)
    ]
    place = city(lambda ledger: RoundRobin(ledger, "up", 12, 0, quantum_s=quantum * tick_s), 12)
    other, env, loads = place.ledger.open("other", 1.0), place.ledger.env, []

    def impatient(client: int, at: int, air: int, leaves: int):
        load = place.load(Arrival(at * tick_s, air * tick_s, client))
        load.receiver = load.receiver._replace(meter=(place.server, other)[client % 2])
        loads.append((client, load))
        yield env.timeout(at * tick_s)
        carried = env.process(cut_short(load, client))
        yield carried | env.timeout((leaves - at) * tick_s)
        if carried.is_alive:
            carried.interrupt()

    def cut_short(load: Load, client: int):
        with suppress(simpy.Interrupt):
            yield from place.medium.carry(load, Account(client))

    for client, row in enumerate(arrivals):
        env.process(impatient(client, *row))
    env.run()
    place.ledger.close()
    own = {client: load.own_s / tick_s for client, load in loads}
    expected = tick_by_tick(arrivals, quantum)
    assert [own[client] for client in range(12)] == pytest.approx(expected, abs=1e-6)
    assert any(0 < seconds < row[1] for seconds, row in zip(expected, arrivals, strict=True))  # somebody was cut short
    for receiver, base_w, parity in ((place.server, SERVER_W, 0), (other, 1.0, 1)):
        heard = tick_s * sum(expected[parity::2])
        assert receiver.adds_up(env.now)
        assert receiver.joules_until(env.now) == pytest.approx(base_w * env.now + RX_W * heard)
