"""SplitFed with one server half for all clients."""

from typing import Annotated, Literal

from edgesim.protocols.base import Process, Protocol, one_step
from edgesim.protocols.federation import Rounds
from edgesim.sim.world import World


class SplitFedV2(Protocol):
    """SplitFed V2: clients train in parallel, and one server half learns from their batches in the order they arrive.

    Only the client halves are averaged, at the end of a round; its beginning gives the average to every participant
    (compression.md 4.4; Thapa et al., AAAI 2022). The server serves one batch at a time whatever its number of cores: its
    half changes with each.

    local_epochs  passes over its own data in a client's turn
    local_steps   steps in a client's turn instead
    optimiser     of a client, at the beginning of a round: `carry` what it remembers on, or `reset`, as the published code
    weighting     of the averages: by `samples` held, or `equal`, as the published code does
    participants  clients in a round; left out, the fraction
    fraction      of the clients that take part in a round
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
    ) -> None:
        self._rounds = Rounds(local_epochs, local_steps, optimiser == "reset", weighting == "samples", participants, fraction)

    def unit(self, world: World) -> Process:
        """One round."""
        began, clients = world.ledger.now, self._rounds.clients(world)
        yield from self._rounds.run(world, one_step)
        world.finish_round(began, clients)
