"""Split learning with many clients, one after the other."""

from collections.abc import Sequence
from typing import Annotated, Literal

from edgesim.protocols.base import Process, Protocol, one_step
from edgesim.sim.hazards import Lost
from edgesim.sim.world import Client, World

HELD = "held"  # before a client's number in the world's cursor: the how-manieth hand-over gave it the half


class Sequential(Protocol):
    """Sequential split learning: the client half goes round, and the server half learns with each client in turn.

    A round visits the participants in a random order (or by number); each takes over the client half from the one before it,
    trains, and passes it on (compression.md 4.2; Gupta and Raskar, J. Netw. Comput. Appl. 2018). Whoever is visited twice in
    a row keeps what it has. The half is preinstalled on the first client.

    A client that is not there when its turn comes, or goes before its end, loses the turn. The next one gets the half from the
    client that had it last among those that are there, as it has it; where there is none it goes on with its own.

    hand_over        `direct` sends it once, from client to client, over a link like the giver's uplink; through the `server`
                     it goes up the giver's uplink and down the taker's downlink
    optimiser        `reset` at every hand-over; or `carry`: the client optimiser's moments travel too (Adam: twice the weights)
    order            `random`, anew in every round, or `fixed`
    local_epochs     passes over its own data in a client's turn
    local_steps      steps in a client's turn instead
    participants     clients in a round; left out, the fraction
    fraction         of the clients that take part in a round
    """

    def __init__(
        self,
        *,
        hand_over: Literal["direct", "server"] = "direct",
        optimiser: Literal["reset", "carry"] = "reset",
        order: Literal["random", "fixed"] = "random",
        local_epochs: Annotated[int, "[1, inf)"] = 1,
        local_steps: Annotated[int, "[1, inf)"] | None = None,
        participants: Annotated[int, "[1, inf)"] | None = None,
        fraction: Annotated[float, "(0, 1]"] = 1.0,
    ) -> None:
        self._through_server = hand_over == "server"
        self._carry = optimiser == "carry"
        self._random = order == "random"
        self._epochs, self._steps = local_epochs, local_steps
        self._participants, self._fraction = participants, fraction

    def unit(self, world: World) -> Process:
        """One step; the first of a turn takes the half over, the last of a round closes it."""
        turn, step = world.cursor.get("turn", 0), world.cursor.get("step", 0)
        visited = self._visited(world)
        if turn == step == 0:
            world.cursor["began_us"] = round(world.ledger.now * 1e6)
            world.cursor["failed"] = 0
        if not visited:
            world.finish_round(world.ledger.now, visited)
            return
        client = visited[turn]
        [result] = yield from world.each([client], lambda client: self._step(world, client, step))
        lost = result if isinstance(result, Lost) else None
        if lost is not None and lost.client != client.number:
            return  # whoever had the half went while it was on its way: the next unit asks somebody else
        last = lost is not None or step + 1 == (self._steps or self._epochs * client.steps_per_epoch)
        world.cursor |= {"turn": turn + last, "step": 0 if last else step + 1}
        world.cursor["failed"] += lost is not None
        if last and turn + 1 == len(visited):
            world.cursor["turn"] = 0
            world.finish_round(world.cursor["began_us"] / 1e6, visited, world.cursor["failed"])

    def deployed(self, world: World) -> Sequence[Client]:
        return (world.clients[world.cursor.get("holder", 0)],)

    def _visited(self, world: World) -> list[Client]:
        chosen = world.chosen(self._participants, self._fraction, anybody=True)
        if not self._random:
            return chosen
        return [chosen[place] for place in world.random("order").permutation(len(chosen))]

    def _step(self, world: World, client: Client, step: int) -> Process:
        if step == 0:
            yield from self._take_over(world, client)
        yield from one_step(world, client)

    def _take_over(self, world: World, client: Client) -> Process:
        """The client gets the half from whoever has it."""
        holder = _holder(world, client)
        if holder is not client:
            with world.presence.relying(holder.number):
                message = yield from self._handed_over(holder, client)
            client.half.load(message)
            if not self._carry:
                client.half.reset()
        world.cursor["holder"] = client.number
        if world.presence.fails:
            world.cursor[f"{HELD}{client.number}"] = world.cursor["hand_overs"] = world.cursor.get("hand_overs", 0) + 1

    def _handed_over(self, holder: Client, client: Client) -> Process:
        """The half on its way."""
        message = holder.half.weights(optimiser=self._carry)
        if self._through_server:
            message = yield from holder.uplink.send("model", message, holder.account)
            return (yield from client.downlink.send("model", message, client.account))
        return (yield from holder.uplink.towards(client.device).send("model", message, holder.account))


def _holder(world: World, client: Client) -> Client:
    """Who has the half: the client that trained last, or of those that are there; the taker itself at the very beginning."""
    if not world.presence.fails:
        return world.clients[world.cursor.get("holder", client.number)]
    held = {int(name.removeprefix(HELD)): when for name, when in world.cursor.items() if name.startswith(HELD)}
    there = [number for number in held if world.presence.lost(number, world.ledger.now) is None]
    return world.clients[max(there, key=held.__getitem__, default=client.number)]
