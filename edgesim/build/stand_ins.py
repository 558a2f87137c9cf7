"""Who plays in a run: the halves of every client and of the server. Here those without tensors."""

from typing import Protocol

from edgesim.build.learning import Learning
from edgesim.build.makers import make
from edgesim.learn import cargo
from edgesim.learn.access_point import AccessPoint
from edgesim.learn.halves import End, parameters_of
from edgesim.learn.phantom import PhantomClient, PhantomHeadedClient, PhantomHeadlessServer, PhantomServer, PhantomWhole
from edgesim.scenario import Scenario
from edgesim.work import ClientHalf, ServerHalf


class Cast(Protocol):
    """The halves of a run."""

    @property
    def server(self) -> ServerHalf: ...

    def client(self, number: int) -> ClientHalf:
        """The half of the client of that number."""


class PhantomCast:
    """Halves without tensors: one stands in for all clients, for they differ in nothing."""

    def __init__(self, scenario: Scenario, task: Learning) -> None:
        exchange, costs, batch, geometry = task.exchange, task.costs, task.batch, task.geometry
        optimiser = make(scenario, "optimiser", scenario.optimiser, ("optimiser",))

        def sizes(held: int, trained: int, end: End | None) -> tuple[int, int]:
            learned = cargo.learned_end(exchange.up, end) if end else []
            tuned = parameters_of(exchange.up, end) if end else []
            return held + cargo.numbers(learned), cargo.moments(optimiser, trained + cargo.numbers(tuned))

        (client, server), whole = costs.numbers, geometry.client_parameters + geometry.server_parameters
        kind = task.protocol.halves
        moved = costs.head_numbers if kind == "ushaped" else 0  # from the server to the client
        here, there = geometry.client_parameters + moved, geometry.server_parameters - moved
        numbers = sizes(server - moved, there, "server")
        self.server: ServerHalf
        if kind == "ushaped":
            self.server = PhantomHeadlessServer(exchange, costs, batch, *numbers)
        else:
            self.server = PhantomServer(exchange, costs, batch, *numbers, access_point(task))
        self._client: ClientHalf
        if kind == "whole":
            self._client = PhantomWhole(costs, batch, *sizes(client + server, whole, None))
        else:
            make_client = PhantomHeadedClient if kind == "ushaped" else PhantomClient
            self._client = make_client(exchange, costs, batch, *sizes(client + moved, here, "client"))

    def client(self, number: int) -> ClientHalf:
        return self._client


def access_point(task: Learning) -> AccessPoint | None:
    """Where the protocol merges what arrives together."""
    share, geometry = task.protocol.merge, task.geometry
    return None if share is None else AccessPoint(share, geometry.tokens, task.facts.classes)
