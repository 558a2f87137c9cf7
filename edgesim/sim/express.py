"""Units whose clients nothing can disturb, by arithmetic in place of events: same books, at a fraction of the time.

Timing only, with devices, links and a server that always work, links that share no medium, radios without tails, messages of
one size that go over in one stretch, and nobody who wants every line of the book. Everything else goes event by event.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgesim.errors import RunError
from edgesim.sim.bulk import Stage, is_without_tail
from edgesim.sim.course import Course, Sent, Steps, Watcher, book
from edgesim.sim.link import Link
from edgesim.sim.timetable import Airtimes, DisturbedError, Paces, Way, serve
from edgesim.wire import Manifest
from edgesim.work import Message

if TYPE_CHECKING:
    from edgesim.sim.world import Client, World

Array = NDArray[np.float64]
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
        watts = (device.computing.watts, device.sending.watts, device.receiving.watts)
        return Kind(*seconds, *watts, *[self._fixed(link, message) for link, message in sent])

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


class Express:
    """Does units of a world at once, where that changes nothing.

    enabled  False: all goes event by event
    """

    def __init__(self, world: "World") -> None:
        self._world = world
        self.enabled = _is_simple(world)
        self._kinds: dict[bool, Kinds] = {}

    def turns(self, clients: Sequence["Client"], steps: Sequence[int], *, split: bool) -> Any:
        """Each client gets the model, takes so many steps, one after the other, and sends its half back.

        split  a step goes through the server; else clients train alone

        Gives what the process of all turns would, and the process lets the time pass. None where something might come in
        between, or an airtime is not at a stretch: then nothing has been booked.
        """
        if not self._may() or not clients:
            return None
        try:
            course, end = _Turns(self._world, self._of(clients[0], split), clients, steps).course()
        except (DisturbedError, RunError):  # whatever it is, it comes out at its time when all goes event by event
            return None
        book(self._world, course)
        return self._passed(end, [client.half.weights() for client in clients])

    def _passed(self, end: float, messages: list[Message]) -> Any:
        yield from self._world.ledger.until(end)
        return messages

    def _may(self) -> bool:
        world, ledger = self._world, self._world.ledger
        heard = (world.watch is None or isinstance(world.watch, Watcher)) and ledger.takes_many
        return self.enabled and heard and not world.presence.fails

    def _of(self, client: "Client", split: bool) -> Kinds:
        if split not in self._kinds:
            self._kinds[split] = Kinds(_job(self._world, client, split), len(self._world.clients))
        return self._kinds[split]


def _is_simple(world: "World") -> bool:
    """Whether nothing of what these clients do depends on anything but the time."""
    server, half = world.server.device, world.clients[0].half if world.clients else None
    links = [link for client in world.clients for link in (client.uplink, client.downlink)]
    return (
        server.down is None
        and is_without_tail(server.meter)
        and all(client.half is half and client.pilot is None for client in world.clients)
        and all(is_without_tail(client.device.meter) for client in world.clients)
        and all(link.medium is None and link.sender is not link.receiver for link in links)
    )


def _job(world: "World", client: "Client", split: bool) -> Job:
    half = client.half
    forward, model = half.forward(), half.weights()
    assert isinstance(model, Manifest)
    if not split:
        return Job(forward.flops, 0.0, 0.0, half.backward(forward.value).flops, None, None, model)
    encoded = half.encode(forward.value)
    answer = world.server.half.step([encoded.value], [client.number])
    gradient = answer.value.gradients[0]
    return Job(forward.flops, encoded.flops, answer.flops, half.backward(gradient).flops, encoded.value, gradient, model)


class _Turns:
    """Turns of clients at the same time, from now on."""

    def __init__(self, world: "World", kinds: Kinds, clients: Sequence["Client"], steps: Sequence[int]) -> None:
        self._world, self._clients, self._steps, self._job = world, clients, steps, kinds.job
        known, number = kinds.of(clients)
        self._kind = Kind(*(np.array(column)[number] for column in zip(*known, strict=True)))
        self._airtimes = Airtimes(kinds.airtimes.all)
        self._up_s, self._down_s = (link.transport.radio.latency_s for link in (clients[0].uplink, clients[0].downlink))

    def course(self) -> tuple[Course, float]:
        """All of it, and when it ends [s]."""
        places = np.arange(len(self._clients))
        down = self._moved("down", np.full(len(places), self._world.ledger.now), 0 * places, places - len(places))
        steps, sent = (self._alone if self._job.up is None else self._served)(down.posted)
        last = down.posted.copy()
        last[steps.client] = steps.ends  # of several of a client the latest stays
        up = self._moved("up", last, np.array(self._steps), places + len(steps.client))
        stages = [
            Stage(phase, state, watts, sent.begins, sent.ends)
            for phase, state, watts, sent in (("downlink", "rx", self._kind.rx_w, down), ("uplink", "tx", self._kind.tx_w, up))
        ]
        course = Course(self._clients, self._airtimes.all, stages[0], steps, stages[1], (down, *sent, up))
        return course, float(up.posted.max())

    def _moved(self, direction: str, begins: Array, step: Whole, rank: Whole) -> Sent:
        """The model goes to or from every client."""
        kind = self._kind
        fixed = (kind.model_up, kind.model_down)[direction == "down"]
        way = self._way(direction, fixed, self._job.model)
        numbers = np.array([way.at(client, begin) for client, begin in enumerate(begins.tolist())])
        return self._sent(direction, "model", self._job.model, np.arange(len(begins)), step, numbers, begins, rank)

    def _way(self, direction: str, fixed: Any, message: Manifest) -> Way:
        links = [client.uplink if direction == "up" else client.downlink for client in self._clients]

        def plan(client: int, start_s: float) -> int:
            return self._airtimes.add(links[client].plan(message, start_s))

        return Way(fixed.tolist(), plan, self._up_s if direction == "up" else self._down_s)

    def _sent(
        self, direction: str, label: str, message: Manifest, who: Whole, step: Whole, airtime: Whole, begins: Array, rank: Whole
    ) -> Sent:
        ends = begins + np.array(self._airtimes.seconds)[airtime]
        posted = ends + (self._up_s if direction == "up" else self._down_s)
        if not bool((ends > begins).all()):
            raise DisturbedError
        return Sent(direction, label, message, who, step, airtime, begins, ends, posted, rank)

    def _served(self, ready: Array) -> tuple[Steps, list[Sent]]:
        """Steps of split learning."""
        kind, job, server = self._kind, self._job, self._world.server.device
        assert job.up is not None
        assert job.down is not None
        service_s = server.seconds(job.server)
        ways = (self._way("up", kind.up, job.up), self._way("down", kind.down, job.down))
        paces = Paces(kind.forward_s, kind.encode_s, kind.backward_s, service_s, server.cores)
        told = serve(ready, self._steps, paces, *ways, self._airtimes)
        who, number, rank = told.client, _numbers(told.client), np.arange(len(told.client))
        encode = told.forward + kind.forward_s[who]
        uplink = encode + kind.encode_s[who]
        up = self._sent("up", "smashed", job.up, who, number, told.up, uplink, rank)
        answered = told.server + service_s
        if not bool((answered > told.server).all()):
            raise DisturbedError
        down = self._sent("down", "gradient", job.down, who, number, told.down, answered, rank)
        end = down.posted + kind.backward_s[who]
        stages = [
            Stage("forward", "compute", kind.compute_w, told.forward, encode),
            Stage("encode", "compute", kind.compute_w, encode, uplink),
            Stage("uplink", "tx", kind.tx_w, uplink, up.ends),
            Stage("downlink", "rx", kind.rx_w, answered, down.ends),
            Stage("backward", "compute", kind.compute_w, down.posted, end),
        ]
        both = [(sent.ends - sent.begins) + (sent.posted - sent.ends) for sent in (up, down)]
        waited, served_s = told.server - up.posted, answered - told.server
        seconds = (encode - told.forward, uplink - encode, waited, both[0], served_s, both[1], end - down.posted)
        return Steps(who, number, stages, (told.server, answered), seconds), [up, down]

    def _alone(self, ready: Array) -> tuple[Steps, list[Sent]]:
        """Steps of training at home."""
        kind, left, now = self._kind, np.array(self._steps), ready.copy()
        who = np.concatenate([np.flatnonzero(left > number) for number in range(max(self._steps))])
        begins = np.empty(len(who))
        begin = 0
        for number in range(max(self._steps)):
            mine = np.flatnonzero(left > number)
            begins[begin : begin + len(mine)] = now[mine]
            now[mine] = (now[mine] + kind.forward_s[mine]) + kind.backward_s[mine]
            begin += len(mine)
        back = begins + kind.forward_s[who]
        end = back + kind.backward_s[who]
        spans = (("forward", begins, back), ("backward", back, end))
        stages = [Stage(phase, "compute", kind.compute_w, start, until) for phase, start, until in spans]
        nothing = np.zeros(len(who))
        return Steps(who, _numbers(who), stages, None, (back - begins, *(nothing,) * 5, end - back)), []


def _numbers(client: Whole) -> Whole:
    """Of each step, the how-manieth of its client's it is, from 1."""
    order = np.argsort(client, kind="stable")
    counts = np.bincount(client)
    numbers = np.empty(len(client), dtype=np.int64)
    numbers[order] = np.arange(len(client)) - np.repeat(np.cumsum(counts) - counts, counts) + 1
    return numbers
