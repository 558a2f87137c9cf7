"""First come, first served."""

from collections import deque

import simpy

from edgesim.sim.account import Account
from edgesim.sim.ledger import Ledger, Wait


class Turn:
    """FIFO admission to `places` equal places; an arrival that finds one free passes without an event.

    places  how many may be inside at once
    """

    __slots__ = ("_free", "_ledger", "_queue")

    def __init__(self, ledger: Ledger, places: int = 1) -> None:
        self._ledger = ledger
        self._free = places
        self._queue: deque[simpy.Event] | None = None  # a hundred thousand turns in which nobody ever waits have none

    def take(self) -> bool:
        """Whether a place was free; it is taken."""
        if self._free:
            self._free -= 1
            return True
        return False

    def enter(self, account: Account | None) -> Wait:
        """Wait for a place; the wait is booked on `account` as its own phase.

        Who is interrupted while waiting leaves the queue, or hands on the place that was just given to it.
        """
        if self.take():
            return
        arrived = self._ledger.now
        admitted = self._ledger.env.event()
        if self._queue is None:
            self._queue = deque()
        self._queue.append(admitted)
        try:
            yield admitted
        except simpy.Interrupt:  # not `finally`: a generator that is merely collected must book nothing
            self._withdraw(admitted)
            self._book(arrived, account)
            raise
        self._book(arrived, account)

    def _book(self, arrived: float, account: Account | None) -> None:
        if account is not None:
            account.add("wait", self._ledger.now - arrived)

    def _withdraw(self, admitted: simpy.Event) -> None:
        if admitted.triggered:
            self.leave()
        elif self._queue is not None:
            self._queue.remove(admitted)

    def leave(self) -> None:
        """Give the place to the next in line."""
        if self._queue:
            self._queue.popleft().succeed()
        else:
            self._free += 1
