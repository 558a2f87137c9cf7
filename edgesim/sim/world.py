"""A simulated world: clients, links, a server, one clock, one book, one budget."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import simpy

from edgesim.rows import Step
from edgesim.sim.account import Account
from edgesim.sim.budget import Budget, Spent
from edgesim.sim.device import Device
from edgesim.sim.ledger import Ledger
from edgesim.sim.link import Link
from edgesim.work import ClientHalf, ServerHalf


@dataclass(slots=True)
class Client:
    """A client: its device, its links, its half of the model."""

    device: Device
    uplink: Link
    downlink: Link
    half: ClientHalf
    account: Account


@dataclass(slots=True)
class Server:
    """The server: its device and its half of the model."""

    device: Device
    half: ServerHalf


StepProcess = Callable[["World", Client], Generator[simpy.Event, Any, Any]]


class World:
    """Everything a protocol moves.

    rehearsal  the same world with phantom halves on a scratch clock, or None in a rehearsal itself: a step is rehearsed
               before it is begun, so that no limit is ever exceeded
    watch      called with every finished step and the step's loss
    """

    def __init__(
        self,
        ledger: Ledger,
        clients: list[Client],
        server: Server,
        budget: Budget,
        steps_per_epoch: int,
        rehearsal: "World | None" = None,
    ) -> None:
        self.ledger = ledger
        self.clients = clients
        self.server = server
        self.budget = budget
        self.steps_per_epoch = steps_per_epoch
        self.rehearsal = rehearsal
        self.steps = 0
        self.stopped_by: str | None = None
        self.watch: Callable[[Step, Any], None] | None = None
        self._step_cost: Spent | None = None
        self._joules_before = [0.0 for _ in clients]

    @property
    def spent(self) -> Spent:
        """Totals until now."""
        return self.budget.spent(self.ledger, self.steps)

    def stop(self, reason: str) -> None:
        """Begin no further step."""
        self.stopped_by = reason

    def affords(self, client: Client, process: StepProcess) -> bool:
        """Whether one more step of `client` fits into every limit; if not, `stopped_by` says which one it would break."""
        if self.stopped_by is None:
            self.stopped_by = self.budget.exceeded(self.spent.plus(self.step_cost(client, process)))
        return self.stopped_by is None

    def step_cost(self, client: Client, process: StepProcess) -> Spent:
        """What a step begun now would spend, rehearsed with phantoms under the channel as it will be."""
        if self.rehearsal is None:
            return Spent(0.0, 0.0, 0.0, 0.0, 0.0)
        if self._step_cost is None or not self.budget.timeless:
            self._step_cost = self.rehearsal.rehearse(self.clients.index(client), process, self.ledger)
        return self._step_cost

    def rehearse(self, client: int, process: StepProcess, real: Ledger) -> Spent:
        """Run one step of a client from where the `real` ledger is and give what it spends."""
        now = real.now
        self.ledger.restart(now, real)
        self.steps = 0
        self.ledger.env.process(process(self, self.clients[client]))
        self.ledger.env.run()
        return self.spent._replace(simulated_s=self.ledger.now - now)

    def finish_step(self, client: Client, loss: Any) -> None:
        """Book the step that `client` has just completed."""
        self.steps += 1
        if self.watch is None:
            return
        account, now = client.account, self.ledger.now
        joules = client.device.meter.joules_until(now)
        seconds = account.seconds
        row = Step(
            step=account.step,
            client=account.client,
            epoch=1 + (account.step - 1) // self.steps_per_epoch,
            start_s=account.started,
            end_s=now,
            forward_s=seconds["forward"],
            encode_s=seconds["encode"],
            wait_s=seconds["wait"],
            uplink_s=seconds["uplink"],
            server_s=seconds["server"],
            downlink_s=seconds["downlink"],
            backward_s=seconds["backward"],
            energy_j=joules - self._joules_before[account.client],
            loss=float("nan"),
        )
        self._joules_before[account.client] = joules
        self.watch(row, loss)
