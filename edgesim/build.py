"""Scenario -> world: the composition root, the only file that knows every floor below."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from channels import units
from channels.adaptation import Adaptation
from channels.base import Channel
from channels.bit_error_rates import bit_errors
from channels.inversion import KnownLaw, inversion_power
from channels.link_budget import LinkBudget
from edgesim import kinds, rng
from edgesim.codecs.base import Codec, Cut
from edgesim.codecs.exchange import Exchange
from edgesim.errors import NotFoundError
from edgesim.learn.air import AnalogAir, ErasingAir, FlippingAir
from edgesim.learn.augment.base import Augment
from edgesim.learn.batches import Batches
from edgesim.learn.data.base import Data, Facts
from edgesim.learn.evaluate import Evaluator
from edgesim.learn.flops import Costs
from edgesim.learn.halves import TorchClient, TorchServer
from edgesim.learn.models.base import Geometry, Model
from edgesim.learn.phantom import PhantomClient, PhantomServer
from edgesim.learn.pipeline import Plain
from edgesim.profiles import read
from edgesim.protocols.base import Protocol
from edgesim.scenario import LinkSpec, Scenario, Spec
from edgesim.sim.account import Account
from edgesim.sim.budget import Budget
from edgesim.sim.device import Device
from edgesim.sim.ledger import Ledger
from edgesim.sim.link import Air, Link
from edgesim.sim.packets import Chance
from edgesim.sim.radio import Radio
from edgesim.sim.transports.base import Transport
from edgesim.sim.world import Client, Server, World
from edgesim.work import ClientHalf, ServerHalf

Path = tuple[str | int, ...]


@dataclass(slots=True)
class Learning:
    """Everything about a run that simulated time does not touch."""

    data: Data
    facts: Facts
    augment: Augment
    model: Model
    geometry: Geometry
    exchange: Exchange
    costs: Costs
    batch: int
    client_samples: int

    @property
    def steps_per_epoch(self) -> int:
        return self.client_samples // self.batch


Halves = Callable[[int], tuple[ClientHalf, ServerHalf]]


def learning(scenario: Scenario) -> Learning:
    """Data, model and codecs of a scenario, sized but not loaded.

    Raises ScenarioError for what only the kinds themselves can know: an impossible cut, codec or batch.
    """
    data = make(scenario, "data", scenario.data, ("data",))
    facts = data.facts()
    augment = make(scenario, "augment", scenario.data.augment, ("data", "augment"))
    model = make(scenario, "model", scenario.model, ("model",))
    geometry = _checked(scenario, ("model",), lambda: model.geometry(facts))
    samples = facts.train // sum(group.count for group in scenario.clients)
    batch = scenario.data.batch_size
    if batch > samples:
        raise scenario.problem(("data", "batch_size"), f"batch_size {batch} is larger than the client's {samples} samples")
    cut = Cut((geometry.tokens, geometry.width), facts.classes, soft_labels=augment.soft_labels)
    up = make_codec(scenario, scenario.uplink.codec, cut, ("uplink", "codec"))
    down = make_codec(scenario, scenario.downlink.codec, Cut(up.item), ("downlink", "codec"))
    exchange = Exchange(cut, up, down)
    costs = Costs(model, facts, with_attention=up.needs_attention)
    return Learning(data, facts, augment, model, geometry, exchange, costs, batch, samples)


def make(scenario: Scenario, slot: str, spec: Spec, path: Path, *positional: Any) -> Any:
    """An object of the kind that `spec` names, from its knobs."""
    kind = kinds.load(slot, spec.kind)
    return _checked(scenario, path, lambda: kind(*positional, **spec.knobs()))


def make_codec(scenario: Scenario, spec: Spec, cut: Cut, path: Path) -> Codec:
    """A codec, and those it is made of; the stages of a chain each see what the stage before leaves on the wire."""
    knobs = spec.knobs()
    if "stages" in knobs:
        stages: list[Codec] = []
        for place, stage in enumerate(knobs["stages"]):
            stages.append(make_codec(scenario, stage, Cut(stages[-1].item) if stages else cut, (*path, "stages", place)))
        knobs["stages"] = stages
    for name, value in knobs.items():
        if isinstance(value, Spec):  # wrapped by this one
            knobs[name] = make_codec(scenario, value, cut, (*path, name))
    codec: Codec = _checked(scenario, path, lambda: kinds.load("codec", spec.kind)(cut, **knobs))
    return codec


def make_channel(scenario: Scenario, spec: Spec, bandwidth_hz: float, path: Path) -> Channel:
    """A channel; one made of another gets it made. A bandwidth that is left out is the link radio's [Hz]."""
    knobs = spec.knobs()
    for name, value in knobs.items():
        if isinstance(value, Spec):
            knobs[name] = make_channel(scenario, value, bandwidth_hz, (*path, name))
        elif name == "bandwidth_hz" and value is None:
            knobs[name] = bandwidth_hz
    channel: Channel = _checked(scenario, path, lambda: kinds.load("channel", spec.kind)(**knobs))
    return channel


def make_radio(spec: Spec) -> Radio:
    """A link's radio; its coding where it sends with the schemes of a table."""
    knobs = spec.knobs()
    coding = None
    if knobs["rates"] != "shannon":
        on_air = knobs["packet_bits"] + knobs["header_bits"]
        coding = Adaptation(knobs["rates"], on_air, target=knobs["target_bler"], fixed=knobs["mcs"])
    return Radio(coding, bit_errors, **knobs)


def world(scenario: Scenario, task: Learning, halves: Halves | None = None) -> World:
    """The simulated world of a scenario; without `halves` a timing-only one.

    halves  gives the client and server half of the client of that number
    Raises ScenarioError if not even one step fits the budget.
    """
    phantoms = partial(_phantoms, task)
    budget = _budget(scenario, task)
    rehearsal = _world(scenario, task, phantoms, budget, None)
    built = _world(scenario, task, halves or phantoms, budget, rehearsal)
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


def torch_halves(scenario: Scenario, task: Learning) -> tuple[Halves, Evaluator]:
    """The halves that learn, and who examines them. Loads data and weights.

    Raises NotFoundError where data or weights are not there.
    """
    accelerator, seed = scenario.host.accelerator, scenario.seed
    if accelerator == "cuda" and not torch.cuda.is_available():
        raise NotFoundError("accelerator cuda: torch finds no CUDA device on this host; use host.accelerator: cpu")
    train, test = task.data.train().to(accelerator), task.data.test().to(accelerator)
    partition = make(scenario, "partition", scenario.data.partition, ("data", "partition"))
    shares = partition.split(train.labels, sum(group.count for group in scenario.clients), seed)
    optimiser = make(scenario, "optimiser", scenario.optimiser, ("optimiser",))
    view = task.model.view(task.facts)
    client_part, server_part = _checked(scenario, ("model",), lambda: task.model.build(task.facts, seed, accelerator))
    task.exchange.to(accelerator)
    pipeline = task.augment.pipeline(view)
    server = TorchServer(server_part, task.exchange, optimiser, task.costs, task.batch, seed=seed)

    def halves(client: int) -> tuple[ClientHalf, ServerHalf]:
        rows = shares[client][: task.client_samples]  # equal epochs: a share's odd sample out is left aside
        batches = Batches(train, rows, task.batch, pipeline, seed=seed, client=client, accelerator=accelerator)
        half = TorchClient(client_part, task.exchange, optimiser, batches, task.costs, seed=seed, client=client)
        return half, server

    codec = scenario.evaluate.codec
    return halves, Evaluator(
        client_part, server_part, task.exchange, test, Plain(view), batch=task.batch, codec=codec, seed=seed
    )


def protocol(scenario: Scenario) -> Protocol:
    """The training protocol."""
    made: Protocol = make(scenario, "protocol", scenario.protocol, ("protocol",))
    return made


def _phantoms(task: Learning, client: int) -> tuple[ClientHalf, ServerHalf]:
    exchange, costs, batch = task.exchange, task.costs, task.batch
    return PhantomClient(exchange, costs, batch), PhantomServer(exchange, costs, batch)


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
    radio = _checked(scenario, (name, "radio"), lambda: make_radio(spec.radio))
    transport = make(scenario, "transport", spec.transport, (name, "transport"), radio)
    channel = make_channel(scenario, spec.channel, radio.bandwidth_hz, (name, "channel"))
    who = sender.name if direction == "up" else receiver.name
    seed = partial(rng.seed, scenario.seed)
    key = seed("fading", who, direction)
    law = channel.fading if isinstance(channel, LinkBudget) else channel
    loses = type(channel).losses is not Channel.losses
    chance = Chance(
        seed("packets", who, direction),
        partial(channel.losses, key=key) if loses else None,
        channel.bit_error_rate,
        partial(inversion_power, law.cdf) if isinstance(law, KnownLaw) else None,
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


def _checked(scenario: Scenario, path: Path, made: Callable[[], Any]) -> Any:
    try:
        return made()
    except ValueError as error:
        raise scenario.problem(path, str(error)) from error
