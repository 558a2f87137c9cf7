"""SplitFed with one server half for all clients."""

from typing import Annotated, Literal

from edgesim.protocols.base import Process, Protocol, one_step
from edgesim.protocols.federation import Rounds
from edgesim.sim.world import World


class SplitFedV2(Protocol):
    """SplitFed V2: clients train in parallel, and one server half learns from their batches in the order they arrive.

    Only the client halves are averaged, at the end of a round; its beginning gives the average to every participant
    (compression.md 4.4; Thapa et al., AAAI 2022). The server's half changes with each
    batch at the instant its step begins; with one core none begins before the step before it has ended.

    local_epochs  passes over its own data in a client's turn
    local_steps   steps in a client's turn instead
    optimiser     of a client, at the beginning of a round: `carry` what it remembers on, or `reset`, as the published code
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
        began, clients = world.ledger.now, self._rounds.clients(world)
        _joined, failed, late = yield from self._rounds.run(world, clients, one_step)
        world.finish_round(began, clients, failed, late)
