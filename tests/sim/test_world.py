"""One client, one server, phantom halves: closed forms for time, energy and bits, and budgets that are never exceeded."""

import math

import pytest

from channels import Ideal, Rayleigh
from edgesim.protocols.vanilla import Vanilla
from edgesim.rows import Step, Transfer
from edgesim.sim.account import PHASES, Account
from edgesim.sim.budget import Budget, Spent
from edgesim.sim.device import Device
from edgesim.sim.ledger import Ledger
from edgesim.sim.link import Link
from edgesim.sim.radio import Radio
from edgesim.sim.transports.reliable import Reliable
from edgesim.sim.world import Client, Server, World
from edgesim.wire import Field, Manifest
from edgesim.work import Answer, Work

UP = Manifest((Field("values", (1000,), 32, "values"), Field("labels", (10,), 4, "labels")), 100.0, 90.0)
DOWN = Manifest((Field("values", (1000,), 32, "values"),), 80.0, 70.0)


class ClientPhantom:
    def forward(self) -> Work:
        return Work(None, 2e9)

    def encode(self, smashed: object) -> Work:
        return Work(UP, 1e8)

    def backward(self, gradient: object) -> Work:
        assert gradient == DOWN
        return Work(None, 4e9)

    def state(self) -> dict[str, object]:
        return {}

    def restore(self, state: dict[str, object]) -> None:
        assert not state


class ServerPhantom:
    def step(self, arrivals: list[object], senders: list[int]) -> Work:
        assert (arrivals, senders) == ([UP], [0])
        return Work(Answer([DOWN], None), 6e9)

    def state(self) -> dict[str, object]:
        return {}

    def restore(self, state: dict[str, object]) -> None:
        assert not state


def make(budget: Budget, channel: object = None, latency_s: float = 0.0, rehearsed: bool = True) -> World:
    channel = channel or Ideal()
    ledger = Ledger()
    pi = Device("client0", ledger, rate_flops=1e10, idle_w=2.0, active_w=7.0, radio_idle_w=0.5, tx_w=1.5, rx_w=1.0)
    box = Device("server", ledger, rate_flops=1e12, idle_w=50.0, active_w=250.0)
    transport = Reliable(Radio(bandwidth_hz=1e4, max_bits_per_symbol=4.0, latency_s=latency_s))

    def fading(start: float, blocks: int) -> object:
        return channel.draws(start, blocks, 3)

    up, down = Link(ledger, "up", pi, box, transport, fading), Link(ledger, "down", box, pi, transport, fading)
    client = Client(pi, up, down, ClientPhantom(), Account(0), steps_per_epoch=5)
    rehearsal = make(budget, channel, latency_s, rehearsed=False) if rehearsed else None
    return World(ledger, [client], Server(box, ServerPhantom()), budget, rehearsal=rehearsal)


def train(world: World) -> None:
    protocol = Vanilla()
    while world.affords(protocol):
        world.do(protocol)


def run(world: World) -> tuple[list[Step], list[Transfer]]:
    steps: list[Step] = []
    transfers: list[Transfer] = []
    world.watch = lambda row, loss: steps.append(row._replace(loss=0.0))  # nan, a phantom's loss, equals nothing
    world.ledger.listen(None, transfers.append)
    train(world)
    world.ledger.close()
    return steps, transfers


# 0.2 s forward, 0.01 s encode, (32040 bits at 40 kbit/s) 0.801 s up, 0.006 s server, 0.8 s down, 0.4 s backward
STEP_S = 0.2 + 0.01 + 0.801 + 0.006 + 0.8 + 0.4
CLIENT_J = 2.5 * STEP_S + 5.0 * (0.2 + 0.01 + 0.4) + 1.0 * 0.801 + 0.5 * 0.8
SERVER_J = 50.0 * STEP_S + 200.0 * 0.006


def test_a_step_takes_the_time_and_energy_of_the_closed_form() -> None:
    world = make(Budget(steps=3))
    steps, transfers = run(world)
    assert world.steps == 3
    assert world.stopped_by == "steps"
    assert world.ledger.now == pytest.approx(3 * STEP_S, rel=1e-12)
    assert world.ledger.joules == pytest.approx(3 * (CLIENT_J + SERVER_J), rel=1e-12)
    first = steps[0]
    assert first.forward_s == pytest.approx(0.2)
    assert first.encode_s == pytest.approx(0.01)
    assert first.uplink_s == pytest.approx(0.801)
    assert first.server_s == pytest.approx(0.006)
    assert first.downlink_s == pytest.approx(0.8)
    assert first.backward_s == pytest.approx(0.4)
    assert first.wait_s == 0.0
    assert [step.energy_j for step in steps] == pytest.approx([CLIENT_J] * 3)
    assert [row.direction for row in transfers] == ["up", "down"] * 3
    assert transfers[0].values_bits == 32_000
    assert transfers[0].labels_bits == 40
    assert world.ledger.traffic.bits("wire") == 3 * (32_040 + 32_000)


def test_phases_tile_every_step() -> None:
    steps, _ = run(make(Budget(steps=4), latency_s=0.05))
    for step in steps:
        assert sum(getattr(step, f"{phase}_s") for phase in PHASES) == pytest.approx(step.end_s - step.start_s, rel=1e-12)
    assert steps[0].uplink_s == pytest.approx(0.851)
    assert [step.epoch for step in steps] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("budget", "steps", "reason"),
    [
        (Budget(bits=180.0 * 7), 7, "bits"),
        (Budget(bits=180.0 * 7 - 1e-6), 6, "bits"),
        (Budget("code", bits=160.0 * 4 + 1), 4, "bits"),
        (Budget("wire", bits=64_040 * 5), 5, "bits"),
        (Budget(steps=2), 2, "steps"),
        (Budget(simulated_s=STEP_S * 10.5), 10, "simulated_s"),
        (Budget(joules=(CLIENT_J + SERVER_J) * 3.999), 3, "joules"),
        (Budget(symbols=(8010 + 8000) * 6), 6, "symbols"),
        (Budget(steps=9, simulated_s=STEP_S * 2.1), 2, "simulated_s"),
    ],
)
def test_a_budget_is_used_up_and_never_exceeded(budget: Budget, steps: int, reason: str) -> None:
    world = make(budget)
    run(world)
    assert world.steps == steps
    assert world.stopped_by == reason
    assert budget.exceeded(world.spent) is None
    assert budget.exceeded(world.spent.plus(Spent(180.0 if budget.ledger != "wire" else 64_040, 16_010, STEP_S, 1e9, 1)))


@pytest.mark.parametrize("limit", ["simulated_s", "joules", "symbols"])
def test_under_fading_a_rehearsed_step_costs_exactly_what_it_then_costs(limit: str) -> None:
    """The last step fits and the next would not: the rehearsal saw the very fades the step would have met."""
    channel = Rayleigh(snr_db=5.0, coherence_s=0.05)
    free = make(Budget(steps=30), channel)
    spent_after: list[Spent] = []
    free.watch = lambda row, loss: spent_after.append(free.spent)
    train(free)
    costs = [getattr(spent, limit) for spent in spent_after]
    bound = make(Budget(**{limit: (costs[11] + costs[12]) / 2}), channel)
    run(bound)
    assert bound.steps == 12
    assert getattr(bound.spent, limit) == pytest.approx(costs[11], rel=1e-12)


def test_rehearsing_leaves_the_world_untouched() -> None:
    channel = Rayleigh(snr_db=5.0, coherence_s=0.05)
    rehearsed, plain = make(Budget(simulated_s=60.0, steps=12), channel), make(Budget(steps=12), channel)
    assert run(rehearsed) == run(plain)


def test_a_world_told_to_stop_begins_no_step() -> None:
    world = make(Budget(steps=100))
    seen: list[Step] = []

    def watch(row: Step, loss: object) -> None:
        seen.append(row)
        if row.step == 4:
            world.stop("interrupted")

    world.watch = watch
    train(world)
    assert len(seen) == 4
    assert world.stopped_by == "interrupted"


def test_fraction_is_that_of_the_scarcest_limit() -> None:
    budget = Budget(bits=1000.0, steps=10)
    assert budget.fraction(Spent(100.0, 0, 0, 0, 9)) == 0.9
    assert math.isclose(budget.fraction(Spent(950.0, 0, 0, 0, 9)), 0.95)
