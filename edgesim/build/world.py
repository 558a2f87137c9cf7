"""The simulated world of a scenario: devices, links, server, budget."""

from collections.abc import Mapping
from functools import partial

from channels import units
from edgesim.build.faults import hazards
from edgesim.build.groups import ClientFacts
from edgesim.build.learning import Learning
from edgesim.build.links import Links
from edgesim.build.makers import checked
from edgesim.build.pilots import pilot
from edgesim.build.stand_ins import Cast, PhantomCast
from edgesim.learn.cargo import average
from edgesim.profiles import read
from edgesim.scenario import Scenario, Spec
from edgesim.sim.account import Account
from edgesim.sim.budget import Budget
from edgesim.sim.device import Device
from edgesim.sim.hazards import Hazards
from edgesim.sim.ledger import Ledger
from edgesim.sim.one_off import OneOff
from edgesim.sim.world import Client, Server, World


def world(scenario: Scenario, task: Learning, cast: Cast | None = None) -> World:
    """The simulated world of a scenario; without a `cast` a timing-only one.

    Raises ScenarioError if not even one unit of the protocol (a step, a round) fits the budget.
    """
    stand_ins = PhantomCast(scenario, task)
    budget = _budget(scenario, task)
    fails = hazards(scenario, task.clients)
    rehearsal = None if budget.in_rounds else _world(scenario, task, stand_ins, budget, None, fails)
    built = _world(scenario, task, cast or stand_ins, budget, rehearsal, fails)
    cost = built.unit_cost(task.protocol)
    broken = budget.exceeded(cost)
    if broken is not None:
        name = "epochs_of_base" if broken == "bits" and scenario.budget.bits is None else broken
        unit = "round" if cost.steps > 1 else "step"
        raise scenario.problem(
            ("budget", name),
            f"the budget is smaller than one {unit}: a {unit} takes {getattr(cost, broken):.6g} {broken}, "
            f"the limit is {budget.limits[broken]:.6g}; raise budget.{name}",
        )
    return built


def one_off(task: Learning) -> OneOff | None:
    """What must be told before the first step; None where nothing must, or nothing is cut."""
    up, down = task.exchange.up.one_off_bits, task.exchange.down.one_off_bits
    return OneOff(up, down) if up + down and task.protocol.halves != "whole" else None


def _world(
    scenario: Scenario, task: Learning, cast: Cast, budget: Budget, rehearsal: World | None, fails: Hazards | None
) -> World:
    ledger, hardware = Ledger(), scenario.server
    links = {direction: Links(scenario, ledger, direction, len(task.clients), fails) for direction in ("up", "down")}
    sends_over = scenario.downlink.channel
    make = partial(_device, "server", ledger, hardware.device, hardware.radio, sends_over, cores=hardware.cores)
    server = checked(scenario, ("downlink", "channel"), make)
    clients = [
        checked(scenario, ("uplink", "channel"), partial(_client, facts, task, cast, ledger, server, links))
        for facts in task.clients
    ]
    for client in clients:
        client.pilot = pilot(task, budget.ledger, client, ledger)
    both = Server(server, cast.server)
    return World(
        ledger,
        clients,
        both,
        budget,
        seed=scenario.seed,
        average=average,
        rehearsal=rehearsal,
        hazards=fails,
        timing_only=isinstance(cast, PhantomCast),
    )


def _client(
    facts: ClientFacts, task: Learning, cast: Cast, ledger: Ledger, server: Device, links: Mapping[str, Links]
) -> Client:
    number, samples = facts.number, int(task.samples[facts.number])
    device = _device(
        f"client{number}",
        ledger,
        facts.device,
        facts.radio,
        facts.uplink_channel,
        rate_factor=facts.rate_factor,
        half_duplex=facts.half_duplex,
    )
    return Client(
        device,
        links["up"].between(device, server, number, facts.uplink_channel),
        links["down"].between(server, device, number, facts.downlink_channel),
        cast.client(number),
        Account(number),
        samples,
        samples // task.batch,
    )


def _device(
    name: str,
    ledger: Ledger,
    profile_name: str,
    radio_name: str | None,
    sends_over: Spec,
    *,
    rate_factor: float = 1.0,
    cores: int = 1,
    half_duplex: bool = False,
) -> Device:
    profile = read.device(profile_name)
    radio = read.radio(radio_name or profile.radio)
    return Device(
        name,
        ledger,
        rate_flops=profile.sustained_flops * rate_factor,
        idle_w=profile.idle_w,
        active_w=profile.active_w,
        radio_idle_w=radio.waiting_w,
        tx_w=radio.transmitting_w(_radiated_w(sends_over)),
        rx_w=radio.rx_w,
        tail_w=radio.tail_w if radio.tail_s else radio.waiting_w,
        tail_s=radio.tail_s,
        promotion_w=radio.promotion_w,
        promotion_s=radio.promotion_s,
        cores=cores,
        half_duplex=half_duplex,
    )


def _radiated_w(channel: Spec) -> float | None:
    """The transmit power that a link budget states [W], None without one."""
    level_dbm = channel.values.get("tx_power_dbm")
    return None if level_dbm is None else units.watts(level_dbm)


def _budget(scenario: Scenario, task: Learning) -> Budget:
    """The limits in absolute terms. Gamma of the paper: epochs x |D| x C_base of one sample, both directions."""
    spec = scenario.budget
    bits: float | None = spec.bits
    if spec.epochs_of_base is not None:
        up, down = task.exchange.base_manifests(1)
        per_sample = {
            "paper": up.paper_bits + down.paper_bits,
            "code": up.code_bits + down.code_bits,
            "wire": up.bits + down.bits,
        }[spec.ledger]
        gamma = spec.epochs_of_base * task.facts.train * per_sample
        bits = gamma if bits is None else min(bits, gamma)
    return Budget(spec.ledger, bits, spec.symbols, spec.simulated_s, spec.joules, spec.steps, spec.rounds)
