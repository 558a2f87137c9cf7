"""The interface of a training protocol: a process in simulated time."""

from abc import ABC, abstractmethod
from collections.abc import Generator
from typing import Any

import simpy

from edgesim.sim.world import Client, Server, World

Process = Generator[simpy.Event, Any, Any]


class Protocol(ABC):
    """Who trains with whom, when. Abstract: one final subclass a file; keyword-only parameters are its knobs."""

    @abstractmethod
    def step(self, world: World, client: Client) -> Process:
        """One step of one client from beginning to booking. Also what a rehearsal runs."""

    @abstractmethod
    def run(self, world: World) -> Process:
        """The whole training; ends when a step no longer fits the budget or the world is told to stop."""


def split_step(client: Client, server: Server) -> Process:
    """One step of split learning: one line per arrow of the figure (compression.md 1.2). Gives the loss."""
    account = client.account
    smashed = yield from client.device.run("forward", client.half.forward, account)
    sent = yield from client.device.run("encode", lambda: client.half.encode(smashed), account)
    arrived = yield from client.uplink.send("smashed", sent, account)
    answer = yield from server.device.run("server", lambda: server.half.step([arrived]), account)
    gradient = yield from client.downlink.send("gradient", answer.gradients[0], account)
    yield from client.device.run("backward", lambda: client.half.backward(gradient), account)
    return answer.loss
