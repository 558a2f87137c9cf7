"""First come, first served."""

from collections import deque

import simpy

from edgesim.sim.account import Account
from edgesim.sim.ledger import Ledger, Wait


class Turn:
    """FIFO admission to `places` equal places; an arrival that finds one free passes without an event.

    places  how many may be inside at once
    """

    def __init__(self, ledger: Ledger, places: int = 1) -> None:
        self._ledger = ledger
        self._free = places
        self._queue: deque[simpy.Event] = deque()

    def enter(self, account: Account | None) -> Wait:
        """Wait for a place; the wait is booked on `account` as its own phase."""
        if self._free:
            self._free -= 1
            return
        arrived = self._ledger.now
        admitted = self._ledger.env.event()
        self._queue.append(admitted)
        yield admitted
        if account is not None:
            account.add("wait", self._ledger.now - arrived)

    def leave(self) -> None:
        """Give the place to the next in line."""
        if self._queue:
            self._queue.popleft().succeed()
        else:
            self._free += 1
