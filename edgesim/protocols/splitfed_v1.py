"""SplitFed with a copy of the server half for each client."""

from typing import Annotated, Literal

from edgesim.protocols.base import Process, Protocol, one_step
from edgesim.protocols.federation import Rounds
from edgesim.sim.world import Client, World


class SplitFedV1(Protocol):
    """SplitFed V1: clients train in parallel, each with its own copy of the server half; a round averages both halves.

    At the beginning of a round the common client half goes to every participant, at the end the halves come back
    (compression.md 4.3; Thapa et al., AAAI 2022, algorithm 1). With one local step of plain SGD a round is a step of
    data-parallel SGD.

    local_epochs  passes over its own data in a client's turn
    local_steps   steps in a client's turn instead
    optimiser     at the beginning of a round: `carry` what they remember on, or `reset`, as the published code does
    weighting     of the averages: by `samples` held, or `equal`, as the published code does
    participants  clients in a round; left out, the fraction
    fraction      of the clients that take part in a round
    selection     of participants: at `random`; or in a `cycle`, the next ones by number, so that all take part equally often
    deadline_s    for the clients' turns, from the beginning of a round; left out, everyone is waited for [s]
    late          who misses the deadline is cut short, `drop`; or goes on, `carry`: its half joins the average of the round in
                  which it arrives, and until then it is not chosen again
    """

    def __init__(
        self,
        *,
        local_epochs: Annotated[int, "[1, inf)"] = 1,
        local_steps: Annotated[int, "[1, inf)"] | None = None,
        optimiser: Literal["carry", "reset"] = "carry",
        weighting: Literal["samples", "equal"] = "samples",
        participants: Annotated[int, "[1, inf)"] | None = None,
        fraction: Annotated[float, "(0, 1]"] = 1.0,
        selection: Literal["random", "cycle"] = "random",
        deadline_s: Annotated[float, "(0, inf)"] | None = None,
        late: Literal["drop", "carry"] = "drop",
    ) -> None:
        forgets, weighted, keeps = optimiser == "reset", weighting == "samples", late == "carry"
        self._rounds = Rounds(
            local_epochs, local_steps, forgets, weighted, participants, fraction, deadline_s, keeps, selection == "cycle"
        )

    def unit(self, world: World) -> Process:
        """One round."""
        began, server = world.ledger.now, world.server
        clients = self._rounds.clients(world)
        common = server.half.weights()
        for client in clients:
            server.replica(client.number).load(common)
            if self._rounds.reset:
                server.replica(client.number).reset()
        joined, failed, late = yield from self._rounds.run(world, clients, _step)
        if joined:
            copies = [server.replica(client.number).weights() for client in joined]
            mean = yield from world.averaged(copies, joined, self._rounds.weighted)
            server.half.load(mean)
        world.finish_round(began, clients, failed, late)


def _step(world: World, client: Client) -> Process:
    yield from one_step(world, client, world.server.replica(client.number))
