"""What of a scenario learns: data, model and codecs, sized but not loaded."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from edgesim.build.groups import Clients, clients_of
from edgesim.build.makers import checked, make, make_codec
from edgesim.codecs.base import Cut
from edgesim.codecs.exchange import Exchange
from edgesim.learn.augment.base import Augment
from edgesim.learn.data.base import Data, Facts
from edgesim.learn.flops import Costs
from edgesim.learn.models.base import Geometry, Model
from edgesim.learn.partitions.base import Partition
from edgesim.learn.pictures import Indices
from edgesim.protocols.base import Protocol
from edgesim.scenario import Scenario


@dataclass
class Learning:
    """Everything about a run that simulated time does not touch.

    clients  what each client has of its own
    samples  training images of each client, [clients]
    """

    data: Data
    facts: Facts
    augment: Augment
    model: Model
    geometry: Geometry
    exchange: Exchange
    costs: Costs
    batch: int
    protocol: Protocol
    clients: Clients
    samples: Indices

    @cached_property
    def steps_per_epoch(self) -> int:
        """Steps in which all clients together see their data once."""
        return int((self.samples // self.batch).sum())


def learning(scenario: Scenario) -> Learning:
    """Data, model and codecs of a scenario.

    Raises ScenarioError for what only the kinds themselves can know: an impossible cut, codec or batch. Labels are looked at
    only where the partition needs them to know how many images each client gets; then NotFoundError where they are not there.
    """
    data = make(scenario, "data", scenario.data, ("data",))
    facts = data.facts()
    augment = make(scenario, "augment", scenario.data.augment, ("data", "augment"))
    model = make(scenario, "model", scenario.model, ("model",))
    geometry = checked(scenario, ("model",), lambda: model.geometry(facts))
    cut = Cut((geometry.tokens, geometry.width), facts.classes, soft_labels=augment.soft_labels)
    up = make_codec(scenario, scenario.uplink.codec, cut, ("uplink", "codec"), scenario.data.batch_size)
    rows = up.rows(scenario.data.batch_size)
    down = make_codec(scenario, scenario.downlink.codec, Cut(up.item), ("downlink", "codec"), rows)
    exchange = checked(scenario, ("downlink", "codec"), lambda: Exchange(cut, up, down))
    costs = Costs(model, facts, with_attention=up.needs_attention)
    protocol = make(scenario, "protocol", scenario.protocol, ("protocol",))
    batch = scenario.data.batch_size
    samples = _samples(scenario, data, facts.train)
    if batch > samples.min():
        raise scenario.problem(
            ("data", "batch_size"),
            f"batch_size {batch} is larger than the {samples.min()} samples of client {samples.argmin()}; "
            "use a smaller batch, fewer clients, or a partition with a min_size",
        )
    return Learning(data, facts, augment, model, geometry, exchange, costs, batch, protocol, clients_of(scenario), samples)


def shares(scenario: Scenario) -> list[float]:
    """How much data each client is to have, relative to the others."""
    return [group.data_share for group in scenario.clients for _ in range(group.count)]


def partition(scenario: Scenario) -> Partition:
    """The rule by which images are shared out."""
    made: Partition = make(scenario, "partition", scenario.data.partition, ("data", "partition"))
    return made


def dealt(scenario: Scenario, labels: Indices) -> list[Indices]:
    """The training images of each client."""
    rule = partition(scenario)
    rows: list[Indices] = checked(scenario, ("data", "partition"), lambda: rule.split(labels, shares(scenario), scenario.seed))
    return rows


def _samples(scenario: Scenario, data: Data, count: int) -> Indices:
    sizes = checked(scenario, ("data", "partition"), lambda: partition(scenario).sizes(count, shares(scenario)))
    if sizes is None:
        sizes = np.array([len(rows) for rows in dealt(scenario, data.train().labels)])
    made: Indices = sizes
    return made
