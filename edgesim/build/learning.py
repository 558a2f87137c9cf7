"""What of a scenario learns: data, model, codecs, and the halves made of them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from edgesim.build.makers import checked, make, make_codec
from edgesim.codecs.base import Cut
from edgesim.codecs.exchange import Exchange
from edgesim.errors import NotFoundError
from edgesim.learn.augment.base import Augment
from edgesim.learn.batches import Batches
from edgesim.learn.data.base import Data, Facts
from edgesim.learn.evaluate import Evaluator
from edgesim.learn.flops import Costs
from edgesim.learn.halves import TorchClient, TorchServer
from edgesim.learn.models.base import Geometry, Model
from edgesim.learn.phantom import PhantomClient, PhantomServer
from edgesim.learn.pipeline import Plain
from edgesim.scenario import Scenario
from edgesim.work import ClientHalf, ServerHalf


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
    geometry = checked(scenario, ("model",), lambda: model.geometry(facts))
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


def torch_halves(scenario: Scenario, task: Learning) -> tuple[Halves, Evaluator]:
    """The halves that learn, and who examines them. Loads data and weights.

    Raises NotFoundError where data or weights are not there.
    """
    accelerator, seed = scenario.host.accelerator, scenario.seed
    if accelerator == "cuda" and not torch.cuda.is_available():
        raise NotFoundError("accelerator cuda: torch finds no CUDA device on this host; use host.accelerator: cpu")
    train, test = task.data.train().to(accelerator), task.data.test().to(accelerator)
    partition = make(scenario, "partition", scenario.data.partition, ("data", "partition"))
    weights = [1.0] * sum(group.count for group in scenario.clients)
    shares = checked(scenario, ("data", "partition"), lambda: partition.split(train.labels, weights, seed))
    optimiser = make(scenario, "optimiser", scenario.optimiser, ("optimiser",))
    view = task.model.view(task.facts)
    client_part, server_part = checked(scenario, ("model",), lambda: task.model.build(task.facts, seed, accelerator))
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


def phantoms(task: Learning, client: int) -> tuple[ClientHalf, ServerHalf]:
    exchange, costs, batch = task.exchange, task.costs, task.batch
    return PhantomClient(exchange, costs, batch), PhantomServer(exchange, costs, batch)
