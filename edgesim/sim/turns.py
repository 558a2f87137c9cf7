"""Units of undisturbed clients as columns: turns that each takes on its own, and one step of all together."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgesim.sim.alike import Kind, Kinds
from edgesim.sim.bulk import DisturbedError, Stage
from edgesim.sim.course import Course, Sent, Steps
from edgesim.sim.meter import PROMOTION
from edgesim.sim.timetable import Airtimes, Paces, Way, serve
from edgesim.wire import Manifest

if TYPE_CHECKING:
    from edgesim.sim.world import Client, World

Array = NDArray[np.float64]
Whole = NDArray[np.int64]


class _Unit:
    """What clients do at the same time, from now on."""

    def __init__(self, world: "World", kinds: Kinds, clients: Sequence["Client"]) -> None:
        self._world, self._clients, self._job = world, clients, kinds.job
        known, number = kinds.of(clients)
        self._kind = Kind(*(np.array(column)[number] for column in zip(*known, strict=True)))
        self._airtimes = Airtimes(kinds.airtimes.all)
        self._up_s, self._down_s = (link.transport.radio.latency_s for link in (clients[0].uplink, clients[0].downlink))

    def _way(self, direction: str, fixed: Any, message: Manifest) -> Way:
        links = [client.uplink if direction == "up" else client.downlink for client in self._clients]

        def plan(client: int, start_s: float) -> int:
            return self._airtimes.add(links[client].plan(message, start_s))

        return Way(fixed.tolist(), plan, self._up_s if direction == "up" else self._down_s)

    def _connected(self, arrived: Array) -> Array:
        """When radios are awake that have not been on air in this unit yet, [clients] [s]."""
        if not self._kind.promotion_s.any():
            return arrived
        meters = [client.device.meter for client in self._clients]
        asleep = [meter.asleep(now) for meter, now in zip(meters, arrived.tolist(), strict=True)]
        return arrived + np.where(asleep, self._kind.promotion_s, 0.0)

    def _promotion(self, phase: str, arrived: Array, begins: Array) -> list[Stage]:
        """What that takes."""
        return [Stage(phase, PROMOTION, self._kind.connect_w, arrived, begins)] if (begins > arrived).any() else []

    def _sent(
        self, direction: str, label: str, message: Manifest, who: Whole, step: Whole, airtime: Whole, begins: Array, rank: Whole
    ) -> Sent:
        ends = begins + np.array(self._airtimes.seconds)[airtime]
        posted = ends + (self._up_s if direction == "up" else self._down_s)
        if not bool((ends > begins).all()):
            raise DisturbedError
        return Sent(direction, label, message, who, step, airtime, begins, ends, posted, rank, np.zeros(len(who)))

    def _step_way(self, direction: str) -> Way:
        """Of what a step sends."""
        message = self._job.up if direction == "up" else self._job.down
        assert message is not None
        return self._way(direction, self._kind.up if direction == "up" else self._kind.down, message)

    def _split(
        self,
        who: Whole,
        number: Whole,
        forward: Array,
        sent: tuple[Whole, Whole],
        server: tuple[Array, Array],
        uplink: Array | None = None,
    ) -> tuple[Steps, list[Sent]]:
        """Steps of split learning, in the order in which the server takes them up.

        forward  when each begins; sent: the airtimes up and down; server: when its part there begins and ends [s];
        uplink: when it goes up, where that is not at once [s]
        """
        kind, job, (begun, answered) = self._kind, self._job, server
        assert job.up is not None
        assert job.down is not None
        rank = np.arange(len(who))
        encode = forward + kind.forward_s[who]
        ready = encode + kind.encode_s[who]
        begins = ready if uplink is None else uplink
        up = self._sent("up", "smashed", job.up, who, number, sent[0], begins, rank)._replace(waited=begins - ready)
        if not bool((answered > begun).all()):
            raise DisturbedError
        down = self._sent("down", "gradient", job.down, who, number, sent[1], answered, rank)
        end = down.posted + kind.backward_s[who]
        stages = [
            Stage("forward", "compute", kind.compute_w, forward, encode),
            Stage("encode", "compute", kind.compute_w, encode, ready),
            *self._promotion("uplink", ready, begins),
            Stage("uplink", "tx", kind.tx_w, begins, up.ends),
            Stage("downlink", "rx", kind.rx_w, answered, down.ends),
            Stage("backward", "compute", kind.compute_w, down.posted, end),
        ]
        both = [(sent.ends - sent.begins) + (sent.posted - sent.ends) for sent in (up, down)]
        waited = up.waited + (begun - up.posted)
        seconds = (encode - forward, ready - encode, waited, both[0], answered - begun, both[1], end - down.posted)
        return Steps(who, number, stages, server, seconds), [up, down]


class Turns(_Unit):
    """Each client gets the model, takes so many steps, one after the other, and sends its half back."""

    def __init__(self, world: "World", kinds: Kinds, clients: Sequence["Client"], steps: Sequence[int]) -> None:
        super().__init__(world, kinds, clients)
        self._steps = steps

    def course(self) -> tuple[Course, float]:
        """All of it, and when it ends [s]."""
        places = np.arange(len(self._clients))
        now = np.full(len(places), self._world.ledger.now)
        begins = self._connected(now)
        down = self._moved("down", begins, 0 * places, places - len(places))._replace(waited=begins - now)
        steps, sent = (self._alone if self._job.up is None else self._served)(down.posted)
        last = down.posted.copy()
        last[steps.client] = steps.ends  # of several of a client the latest stays
        up = self._moved("up", last, np.array(self._steps), places + len(steps.client))
        stages = [
            Stage(phase, state, watts, sent.begins, sent.ends)
            for phase, state, watts, sent in (("downlink", "rx", self._kind.rx_w, down), ("uplink", "tx", self._kind.tx_w, up))
        ]
        before = [*self._promotion("downlink", now, begins), stages[0]]
        course = Course(self._clients, self._airtimes.all, before, steps, stages[1:], (down, *sent, up))
        return course, float(up.posted.max())

    def _moved(self, direction: str, begins: Array, step: Whole, rank: Whole) -> Sent:
        """The model goes to or from every client."""
        kind = self._kind
        fixed = (kind.model_up, kind.model_down)[direction == "down"]
        way = self._way(direction, fixed, self._job.model)
        numbers = np.array([way.at(client, begin) for client, begin in enumerate(begins.tolist())])
        return self._sent(direction, "model", self._job.model, np.arange(len(begins)), step, numbers, begins, rank)

    def _served(self, ready: Array) -> tuple[Steps, list[Sent]]:
        """Steps of split learning; the server takes them one by one."""
        kind, server = self._kind, self._world.server.device
        service_s = server.seconds(self._job.server)
        paces = Paces(kind.forward_s, kind.encode_s, kind.backward_s, service_s, server.cores)
        told = serve(ready, self._steps, paces, self._step_way("up"), self._step_way("down"), self._airtimes)
        times = (told.server, told.server + service_s)
        return self._split(told.client, _numbers(told.client), told.forward, (told.up, told.down), times)

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


class Together(_Unit):
    """One step of all clients, and one of the server for all when everything has arrived.

    flops  of the server's step
    """

    def __init__(self, world: "World", kinds: Kinds, clients: Sequence["Client"], flops: float) -> None:
        super().__init__(world, kinds, clients)
        self._flops = flops

    def course(self) -> tuple[Course, float]:
        """All of it, and when it ends [s]."""
        kind, who = self._kind, np.arange(len(self._clients))
        forward = np.full(len(who), self._world.ledger.now)
        uplink = self._connected((forward + kind.forward_s) + kind.encode_s)
        up, down = self._step_way("up"), self._step_way("down")
        sent = np.array([up.at(client, begin) for client, begin in enumerate(uplink.tolist())])
        full = float((uplink + np.array(self._airtimes.seconds)[sent] + up.latency_s).max())
        answered = full + self._world.server.device.seconds(self._flops)
        back = np.array([down.at(client, answered) for client in who.tolist()])
        times = (np.full(len(who), full), np.full(len(who), answered))
        steps, messages = self._split(who, np.ones_like(who), forward, (sent, back), times, uplink)
        once = steps._replace(served=(times[0][:1], times[1][:1]))
        return Course(self._clients, self._airtimes.all, (), once, (), messages), float(steps.ends.max())


def _numbers(client: Whole) -> Whole:
    """Of each step, the how-manieth of its client's it is, from 1."""
    order = np.argsort(client, kind="stable")
    counts = np.bincount(client)
    numbers = np.empty(len(client), dtype=np.int64)
    numbers[order] = np.arange(len(client)) - np.repeat(np.cumsum(counts) - counts, counts) + 1
    return numbers
