"""Federated averaging of whole models, for reference."""

from typing import Annotated, ClassVar, Literal

from edgesim.protocols.base import Halves, Process, Protocol
from edgesim.protocols.federation import Rounds
from edgesim.sim.world import Client, World


class FedAvg(Protocol):
    """FedAvg: every client trains the whole model on its own; only models cross the air.

    A round gives the model to every participant, each trains, sends it back, and the server averages (compression.md 4.6;
    McMahan et al., AISTATS 2017, algorithm 1). The codecs of the links have nothing to compress: models travel as they are.

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

    halves: ClassVar[Halves] = "whole"

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
        began, clients = world.ledger.now, self._rounds.clients(world)
        _joined, failed, late = yield from self._rounds.run(world, clients, _step, split=False)
        world.finish_round(began, clients, failed, late)


def _step(world: World, client: Client) -> Process:
    """A step of training at home."""
    account = client.account
    account.begin(world.ledger.now)
    graph = yield from client.device.run("forward", client.half.forward, account)
    loss = yield from client.device.run("backward", lambda: client.half.backward(graph), account)
    world.finish_step(client, loss)
