"""Units whose clients nothing can disturb, by arithmetic in place of events: same books, at a fraction of the time.

Timing only, with devices, links and a server that always work, links that share no medium, messages of one size that go
over in one stretch, radios that stay awake once they are, and nobody who wants every line of the book. Everything else goes
event by event.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edgesim.errors import RunError
from edgesim.sim.alike import Kinds, job_of
from edgesim.sim.bulk import DisturbedError, is_without_tail
from edgesim.sim.course import Watcher, book
from edgesim.sim.turns import Together, Turns
from edgesim.work import Message

if TYPE_CHECKING:
    from edgesim.sim.world import Client, World

MOST_STEPS = 1_000_000  # of a unit: its columns take some hundred bytes a step


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
        if not self._may(clients) or sum(steps) > MOST_STEPS:
            return None
        messages = [client.half.weights() for client in clients]
        return self._done(Turns(self._world, self._of(clients[0], split), clients, steps), messages)

    def together(self, clients: Sequence["Client"]) -> Any:
        """Each client takes one step, all of them with one step of the server; see `turns`."""
        if not self._may(clients):
            return None
        kinds, server = self._of(clients[0], split=True), self._world.server
        assert kinds.job.up is not None
        arrivals: list[Message] = [kinds.job.up] * len(clients)
        work = server.half.step(arrivals, [client.number for client in clients])
        if any(gradient != kinds.job.down for gradient in work.value.gradients):
            return None
        return self._done(Together(self._world, kinds, clients, work.flops), [None] * len(clients))

    def _done(self, unit: Turns | Together, results: list[Any]) -> Any:
        try:
            course, end = unit.course()
            book(self._world, course)
        except (DisturbedError, RunError):  # whatever it is, it comes out at its time when all goes event by event
            return None
        return self._passed(end, results)

    def _passed(self, end: float, results: list[Any]) -> Any:
        yield from self._world.ledger.until(end)
        return results

    def _may(self, clients: Sequence["Client"]) -> bool:
        world, ledger = self._world, self._world.ledger
        heard = (world.watch is None or isinstance(world.watch, Watcher)) and ledger.takes_many
        return bool(clients) and self.enabled and heard and not world.presence.fails

    def _of(self, client: "Client", split: bool) -> Kinds:
        if split not in self._kinds:
            self._kinds[split] = Kinds(job_of(self._world, client, split), len(self._world.clients))
        return self._kinds[split]


def _is_simple(world: "World") -> bool:
    """Whether nothing of what these clients do depends on anything but the time."""
    server, half = world.server.device, world.clients[0].half if world.clients else None
    links = [link for client in world.clients for link in (client.uplink, client.downlink)]
    return (
        server.down is None
        and is_without_tail(server.meter)
        and all(client.half is half and client.pilot is None for client in world.clients)
        and all(link.medium is None and link.sender is not link.receiver for link in links)
    )
