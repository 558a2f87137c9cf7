"""Waits against queueing theory: Poisson arrivals, seeded; means are compared within 4.5 standard errors of batch means.

Formulas: Pollaczek-Khinchine, W_q = rho E[S^2] / (2 E[S] (1 - rho)); processor sharing, T = E[S] / (1 - rho) whatever the law
of S; Little, L = lambda W (all in L. Kleinrock, Queueing Systems, vols. 1 and 2, Wiley 1975 and 1976; phy.md 15).
"""

from collections.abc import Callable

import numpy as np
import pytest

from edgesim.sim.account import Account
from edgesim.sim.census import Census
from edgesim.sim.ledger import Ledger
from edgesim.sim.mediums.round_robin import RoundRobin
from edgesim.sim.mediums.tdma import Tdma
from edgesim.sim.turn import Turn

from .conftest import Arrival, City

JOBS, BATCHES = 36_000, 30
Law = Callable[[np.random.Generator, int], np.ndarray]  # service times of mean 1 s


def constant(rng: np.random.Generator, count: int) -> np.ndarray:
    return np.ones(count)


def exponential(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.exponential(1.0, count)


def hyperexponential(rng: np.random.Generator, count: int) -> np.ndarray:
    """Squared coefficient of variation 3: half of the work comes in a seventh of the jobs."""
    return rng.exponential(1.0, count) * np.where(rng.random(count) < 1.0 / 7.0, 3.5, 7.0 / 12.0)


def within_standard_errors(values: np.ndarray, expected: float) -> None:
    means = values[: len(values) // BATCHES * BATCHES].reshape(BATCHES, -1).mean(axis=1)
    error = means.std(ddof=1) / BATCHES**0.5
    assert error < 0.06 * expected  # the test can tell something
    assert means.mean() == pytest.approx(expected, abs=4.5 * error)


@pytest.mark.parametrize(("law", "second_moment"), [(exponential, 2.0), (constant, 1.0), (hyperexponential, 4.0)])
def test_waits_for_a_server_follow_pollaczek_and_khinchine(law: Law, second_moment: float) -> None:
    """M/M/1, M/D/1 and M/G/1, first come, first served: a device with one core."""
    rho, rng = 0.5, np.random.default_rng(11)
    times, service = np.cumsum(rng.exponential(1.0 / rho, JOBS)), law(rng, JOBS)
    within_standard_errors(waits(times, service, cores=1), rho * second_moment / (2.0 * (1.0 - rho)))


def test_waits_for_several_cores_follow_erlang() -> None:
    """M/M/c: a job waits with Erlang's C(c, a), a = lambda E[S], and then 1 / (c - a) on average (Kleinrock, 3.5)."""
    cores, load, rng = 2, 1.4, np.random.default_rng(12)
    times, service = np.cumsum(rng.exponential(1.0 / load, JOBS)), exponential(rng, JOBS)
    queueing = load**2 / 2.0 / (1.0 - load / cores)
    within_standard_errors(waits(times, service, cores), queueing / (1.0 + load + queueing) / (cores - load))


def waits(times: np.ndarray, service: np.ndarray, cores: int) -> np.ndarray:
    """Of jobs that come at these times and take so long, [jobs] [s]."""
    ledger = Ledger()
    turn, waited = Turn(ledger, cores), np.zeros(len(times))

    def job(number: int):
        account = Account(number)
        yield from turn.enter(account)
        yield from ledger.spend("server", float(service[number]))
        turn.leave()
        waited[number] = account.seconds.get("wait", 0.0)

    def arrivals():
        for number, time in enumerate(times):
            yield from ledger.spend("forward", float(time) - ledger.now)
            ledger.env.process(job(number))

    ledger.env.process(arrivals())
    ledger.env.run()
    return waited


@pytest.mark.parametrize("law", [exponential, constant, hyperexponential])
def test_sojourns_in_a_shared_medium_do_not_depend_on_the_law_of_the_sizes(law: Law) -> None:
    """M/G/1 processor sharing; every arrival is another client's, so that none waits for its own link."""
    rho, rng = 0.5, np.random.default_rng(5)
    times, service = np.cumsum(rng.exponential(1.0 / rho, JOBS)), law(rng, JOBS)
    medium = Crowd(lambda ledger: Tdma(ledger, "up", 1, 0))
    stays = medium.stays(times, service)
    within_standard_errors(stays, 1.0 / (1.0 - rho))
    census = medium.medium.census
    assert census.holds(medium.ledger.now)
    assert census.mean_number(medium.ledger.now) == pytest.approx(rho / (1.0 - rho), rel=0.15)  # geometric, mean 1


class Crowd(City):
    """So many clients that each sends once: no link of its own to wait for."""

    def __init__(self, make) -> None:
        super().__init__(make, 1)

    def stays(self, times: np.ndarray, service: np.ndarray) -> np.ndarray:
        arrivals = [Arrival(float(time), float(air_s)) for time, air_s in zip(times, service, strict=True)]
        stays = np.zeros(len(arrivals))

        def one(number: int, arrival: Arrival):
            yield from self.medium.carry(self.load(arrival), None)
            stays[number] = self.ledger.now - arrival.at

        def all_of_them():
            for number, arrival in enumerate(arrivals):
                yield from self.ledger.spend("forward", arrival.at - self.ledger.now)
                self.ledger.env.process(one(number, arrival))

        self.ledger.env.process(all_of_them())
        self.ledger.env.run()
        return stays


def test_a_fixed_frame_makes_each_client_a_slow_queue_of_its_own(city: type[City]) -> None:
    """TDMA without lending: K M/D/1 queues whose server takes K times as long (utilisation K lambda S = 0.6)."""
    clients, air_s, rho = 4, 0.25, 0.6
    rng = np.random.default_rng(3)
    times = np.cumsum(rng.exponential(1.0 / (rho * clients), 8000))
    place = city(lambda ledger: Tdma(ledger, "up", clients, 0, idle="wasted"), clients)
    seen = place.serve([Arrival(float(time), air_s, int(rng.integers(clients))) for time in times])
    within_standard_errors(np.array([one.stayed_s for one in seen]), 1.0 + rho / (2.0 * (1.0 - rho)))
    place.check_the_books(seen)


def some_arrivals(clients: int, count: int, load: float, seed: int) -> list[Arrival]:
    """Exponential sizes at a given utilisation, in no order of clients."""
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.exponential(1.0, count))
    sizes = rng.exponential(load, count)
    return [Arrival(float(t), float(s), int(rng.integers(clients))) for t, s in zip(times, sizes, strict=True)]


def test_round_robin_tends_to_processor_sharing_as_turns_get_short(city: type[City]) -> None:
    arrivals = some_arrivals(6, 150, 0.7, seed=8)
    fluid = city(lambda ledger: Tdma(ledger, "up", 6, 0), 6).serve(arrivals)
    worst = []
    for quantum_s in (0.1, 0.01, 0.001):
        turns = city(lambda ledger, quantum_s=quantum_s: RoundRobin(ledger, "up", 6, 0, quantum_s=quantum_s), 6)
        stays = turns.serve(arrivals)
        worst.append(max(abs(a.stayed_s - b.stayed_s) for a, b in zip(fluid, stays, strict=True)))
    assert worst[1] < 0.3 * worst[0]
    assert worst[2] < 0.3 * worst[1]
    assert worst[2] < 0.05


def test_round_robin_with_endless_turns_is_first_come_first_served(city: type[City]) -> None:
    arrivals = some_arrivals(50, 60, 0.8, seed=4)
    arrivals = [arrival._replace(client=place % 50) for place, arrival in enumerate(arrivals[:50])]
    seen = city(lambda ledger: RoundRobin(ledger, "up", 50, 0, quantum_s=1e6), 50).serve(arrivals)
    free = 0.0
    for arrival, one in zip(arrivals, seen, strict=True):
        free = max(free, arrival.at) + arrival.air_s
        assert one.stayed_s == pytest.approx(free - arrival.at)


def test_the_check_of_littles_law_can_fail() -> None:
    census = Census(0.0)
    census.enter(1.0)
    census.enter(2.0)
    census.leave(5.0, arrived=1.0)
    assert census.mean_number(6.0) == pytest.approx((4.0 + 4.0) / 6.0)
    assert census.mean_stay_s(6.0) == pytest.approx((4.0 + 4.0) / 2.0)
    assert census.holds(6.0)
    census.leave(6.0, arrived=2.5)  # it came at 2
    assert not census.holds(6.0)
