"""What undisturbed clients compute and send, and which of them are alike."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgesim.sim.link import Link
from edgesim.sim.timetable import Airtimes
from edgesim.wire import Manifest

if TYPE_CHECKING:
    from edgesim.sim.world import Client, World

Whole = NDArray[np.int64]


class Job(NamedTuple):
    """What a step computes [FLOP] and sends, the same for every client; `up` and `down` are None where a step sends nothing."""

    forward: float
    encode: float
    server: float
    backward: float
    up: Manifest | None
    down: Manifest | None
    model: Manifest


class Kind(NamedTuple):
    """What is the same whenever a client does it: seconds, watts above its base draw, airtimes by number (-1: they vary).

    Of one client; or of many, [clients].
    """

    forward_s: Any
    encode_s: Any
    backward_s: Any
    compute_w: Any
    tx_w: Any
    rx_w: Any
    connect_w: Any
    promotion_s: Any
    up: Any
    down: Any
    model_up: Any
    model_down: Any


class Kinds:
    """What kind each client is; many are of the same."""

    def __init__(self, job: Job, clients: int) -> None:
        self.job = job
        self._numbers = np.full(clients, -1)
        self._known: dict[Kind, int] = {}
        self._airtimes: dict[tuple[object, ...], int] = {}
        self.airtimes = Airtimes([])

    def of(self, clients: Sequence["Client"]) -> tuple[list[Kind], Whole]:
        """All kinds that are known, and the number of each client's."""
        who = np.array([client.number for client in clients])
        for place in np.flatnonzero(self._numbers[who] < 0).tolist():
            self._numbers[who[place]] = self._known.setdefault(self._make(clients[place]), len(self._known))
        return list(self._known), self._numbers[who]

    def _make(self, client: "Client") -> Kind:
        device, job = client.device, self.job
        seconds = (device.seconds(job.forward), device.seconds(job.encode), device.seconds(job.backward))
        sent = ((client.uplink, job.up), (client.downlink, job.down), (client.uplink, job.model), (client.downlink, job.model))
        connect_w = device.connecting.watts if device.connecting is not None else 0.0
        watts = (device.computing.watts, device.sending.watts, device.receiving.watts, connect_w)
        return Kind(*seconds, *watts, device.promotion_s, *[self._fixed(link, message) for link, message in sent])

    def _fixed(self, link: Link, message: Manifest | None) -> int:
        """The number of a message's airtime, where that is always the same."""
        if message is None or not link.transport.steady(link.chance):
            return -1
        draws = link.fading(0.0, 1)
        if not math.isinf(draws.seconds[0]):
            return -1
        key = (link.transport, message, float(draws.snr[0]))
        if key not in self._airtimes:
            self._airtimes[key] = self.airtimes.add(link.plan(message, 0.0))
        return self._airtimes[key]


def job_of(world: "World", client: "Client", split: bool) -> Job:
    """What a client's steps compute and send.

    split  a step goes through the server; else clients train alone
    """
    half = client.half
    forward, model = half.forward(), half.weights()
    assert isinstance(model, Manifest)
    if not split:
        return Job(forward.flops, 0.0, 0.0, half.backward(forward.value).flops, None, None, model)
    encoded = half.encode(forward.value)
    answer = world.server.half.step([encoded.value], [client.number])
    gradient = answer.value.gradients[0]
    return Job(forward.flops, encoded.flops, answer.flops, half.backward(gradient).flops, encoded.value, gradient, model)
