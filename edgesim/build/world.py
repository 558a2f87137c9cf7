"""The simulated world of a scenario: devices, links, server, budget."""

from functools import partial

from channels import units
from channels.base import Channel
from channels.inversion import inversion_power
from channels.link_budget import LinkBudget
from edgesim import rng
from edgesim.build.learning import Halves, Learning, phantoms
from edgesim.build.makers import checked, make, make_channel, make_radio
from edgesim.learn.air import AnalogAir, ErasingAir, FlippingAir
from edgesim.profiles import read
from edgesim.protocols.base import Protocol
from edgesim.scenario import LinkSpec, Scenario
from edgesim.sim.account import Account
from edgesim.sim.budget import Budget
from edgesim.sim.device import Device
from edgesim.sim.ledger import Ledger
from edgesim.sim.link import Air, Link
from edgesim.sim.packets import Chance
from edgesim.sim.transports.base import Transport
from edgesim.sim.world import Client, Server, World


def world(scenario: Scenario, task: Learning, halves: Halves | None = None) -> World:
    """The simulated world of a scenario; without `halves` a timing-only one.

    halves  gives the client and server half of the client of that number
    Raises ScenarioError if not even one step fits the budget.
    """
    stand_ins = partial(phantoms, task)
    budget = _budget(scenario, task)
    rehearsal = _world(scenario, task, stand_ins, budget, None)
    built = _world(scenario, task, halves or stand_ins, budget, rehearsal)
    cost = built.step_cost(built.clients[0], protocol(scenario).step)
    broken = budget.exceeded(cost)
    if broken is not None:
        name = "epochs_of_base" if broken == "bits" and scenario.budget.bits is None else broken
        raise scenario.problem(
            ("budget", name),
            f"the budget is smaller than one step: a step takes {getattr(cost, broken):.6g} {broken}, "
            f"the limit is {budget.limits[broken]:.6g}; raise budget.{name}",
        )
    return built


def protocol(scenario: Scenario) -> Protocol:
    """The training protocol."""
    made: Protocol = make(scenario, "protocol", scenario.protocol, ("protocol",))
    return made


def _world(scenario: Scenario, task: Learning, halves: Halves, budget: Budget, rehearsal: World | None) -> World:
    ledger = Ledger()
    group = scenario.clients[0]
    client_half, server_half = halves(0)
    device = _device("client0", ledger, group.device, group.radio, scenario.uplink)
    hardware = scenario.server
    server = Server(_device("server", ledger, hardware.device, hardware.radio, scenario.downlink, hardware.cores), server_half)
    uplink = _link(scenario, ledger, "up", device, server.device)
    downlink = _link(scenario, ledger, "down", server.device, device)
    client = Client(device, uplink, downlink, client_half, Account(0))
    return World(ledger, [client], server, budget, task.steps_per_epoch, rehearsal)


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
    return Budget(spec.ledger, bits, spec.symbols, spec.simulated_s, spec.joules, spec.steps)
