"""The simulated world of a scenario: devices, links, server, budget."""

from functools import partial

from channels import units
from channels.base import Channel
from channels.inversion import inversion_power
from channels.link_budget import LinkBudget
from edgesim import rng
from edgesim.build.cast import Cast, PhantomCast
from edgesim.build.learning import Learning
from edgesim.build.makers import checked, make, make_channel, make_radio
from edgesim.learn.air import AnalogAir, ErasingAir, FlippingAir
from edgesim.learn.cargo import average
from edgesim.profiles import read
from edgesim.scenario import Group, LinkSpec, Scenario
from edgesim.sim.account import Account
from edgesim.sim.budget import Budget
from edgesim.sim.device import Device
from edgesim.sim.ledger import Ledger
from edgesim.sim.link import Air, Link
from edgesim.sim.packets import Chance
from edgesim.sim.transports.base import Transport
from edgesim.sim.world import Client, Server, World


def world(scenario: Scenario, task: Learning, cast: Cast | None = None) -> World:
    """The simulated world of a scenario; without a `cast` a timing-only one.

    Raises ScenarioError if not even one unit of the protocol (a step, a round) fits the budget.
    """
    stand_ins = PhantomCast(scenario, task)
    budget = _budget(scenario, task)
    rehearsal = None if budget.in_rounds else _world(scenario, task, stand_ins, budget, None)
    built = _world(scenario, task, cast or stand_ins, budget, rehearsal)
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


def _world(scenario: Scenario, task: Learning, cast: Cast, budget: Budget, rehearsal: World | None) -> World:
    ledger = Ledger()
    hardware = scenario.server
    server = _device("server", ledger, hardware.device, hardware.radio, scenario.downlink, hardware.cores)
    clients: list[Client] = []
    for group in scenario.clients:
        for _ in range(group.count):
            clients.append(_client(scenario, task, cast, ledger, len(clients), group, server))
    return World(ledger, clients, Server(server, cast.server), budget, seed=scenario.seed, average=average, rehearsal=rehearsal)


def _client(
    scenario: Scenario, task: Learning, cast: Cast, ledger: Ledger, number: int, group: Group, server: Device
) -> Client:
    device = _device(f"client{number}", ledger, group.device, group.radio, scenario.uplink)
    samples = int(task.samples[number])
    return Client(
        device,
        _link(scenario, ledger, "up", device, server),
        _link(scenario, ledger, "down", server, device),
        cast.client(number),
        Account(number),
        samples,
        samples // task.batch,
    )


def _device(name: str, ledger: Ledger, profile_name: str, radio_name: str | None, sends_on: LinkSpec, cores: int = 1) -> Device:
    profile = read.device(profile_name)
    radio = read.radio(radio_name or profile.radio)
    return Device(
        name,
        ledger,
        rate_flops=profile.sustained_flops,
        idle_w=profile.idle_w,
        active_w=profile.active_w,
        radio_idle_w=radio.waiting_w,
        tx_w=radio.transmitting_w(_radiated_w(sends_on)),
        rx_w=radio.rx_w,
        tail_w=radio.tail_w if radio.tail_s else radio.waiting_w,
        tail_s=radio.tail_s,
        cores=cores,
    )


def _radiated_w(link: LinkSpec) -> float | None:
    """The transmit power that a link budget states [W], None without one."""
    level_dbm = link.channel.knobs().get("tx_power_dbm")
    return None if level_dbm is None else units.watts(level_dbm)


def _link(scenario: Scenario, ledger: Ledger, direction: str, sender: Device, receiver: Device) -> Link:
    name = f"{direction}link"
    spec: LinkSpec = getattr(scenario, name)
    radio = checked(scenario, (name, "radio"), lambda: make_radio(spec.radio))
    transport = make(scenario, "transport", spec.transport, (name, "transport"), radio)
    channel = make_channel(scenario, spec.channel, radio.bandwidth_hz, (name, "channel"))
    who = sender.name if direction == "up" else receiver.name
    seed = partial(rng.seed, scenario.seed)
    key = seed("fading", who, direction)
    law = (channel.fading if isinstance(channel, LinkBudget) else channel).law
    loses = type(channel).losses is not Channel.losses
    chance = Chance(
        seed("packets", who, direction),
        partial(channel.losses, key=key) if loses else None,
        channel.bit_error_rate,
        partial(inversion_power, law.cdf) if law else None,
        partial(channel.by_subcarrier, key=key) if channel.subcarriers > 1 else None,
    )
    air = _air(transport, channel, seed("noise", who, direction))
    return Link(ledger, direction, sender, receiver, transport, partial(channel.draws, key=key), air, chance)


def _air(transport: Transport, channel: Channel, seed: int) -> Air | None:
    """What reaches the tensors under this transport."""
    knobs = vars(transport)
    if transport.harm == "noise":
        return AnalogAir(channel, knobs["equaliser"], seed)
    if transport.harm == "erasures":
        return ErasingAir(knobs["fill"])
    return FlippingAir(knobs["guard"]) if transport.harm == "flips" else None


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
