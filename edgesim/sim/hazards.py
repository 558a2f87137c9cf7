"""All faults of one run together, client by client."""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from edgesim.sim.faults.base import Fault
from edgesim.sim.windows import Joint, Listed, Windows

LATE = "late"  # not done at the deadline
END = "end"  # the run is over


class Lost(NamedTuple):
    """What there is instead of the result of work that was cut short, or never begun.

    client   whose device it was
    kind     the fault; `late` for a deadline, `end` for the end of the run
    until_s  when the device will be there again [s]; inf: never
    """

    client: int
    kind: str
    until_s: float


class Hazard(NamedTuple):
    """A fault, its name, and whom it may befall; None: everybody."""

    kind: str
    fault: Fault
    clients: Collection[int] | None = None


class Hazards:
    """What may fail in a run of so many clients; the same for the run and its rehearsals.

    absences    when a client's device is not there, by number and kind of fault
    capacity_j  of the batteries of those who have one, by number [J]
    restarts    when the server is down
    """

    def __init__(self, hazards: Sequence[Hazard], clients: int) -> None:
        self._hazards, self._count = hazards, clients
        self.absences: dict[int, list[tuple[str, Windows]]] = {}
        self.capacity_j: dict[int, float] = {}
        for hazard in hazards:
            for client in self._befallen(hazard):
                windows = hazard.fault.absences(client)
                if windows is not None:
                    self.absences.setdefault(client, []).append((hazard.kind, windows))
                joules = min(hazard.fault.capacity_j(client), self.capacity_j.get(client, np.inf))
                if joules < np.inf:
                    self.capacity_j[client] = joules
        downs = [windows for hazard in hazards if (windows := hazard.fault.restarts()) is not None]
        self.restarts: Windows = Joint(downs) if downs else Listed([])
        self._outages: dict[tuple[int, str], list[tuple[str, Windows]]] = {}

    def outages(self, client: int, direction: str) -> list[tuple[str, Windows]]:
        """When a client's link of a direction carries nothing, by kind of fault."""
        key = (client, direction)
        if key not in self._outages:
            found: list[tuple[str, Windows]] = []
            for hazard in self._hazards:
                windows = hazard.fault.outages(client, direction) if client in self._befallen(hazard) else None
                found += [] if windows is None else [(f"{hazard.kind}_{direction}", windows)]
            found += [("server_restart", windows) for hazard in self._hazards if (windows := hazard.fault.restarts())]
            self._outages[key] = found
        return self._outages[key]

    def dropped(self, number: int) -> np.ndarray:
        """Who leaves round `number` out, [clients] bool."""
        dropped = np.zeros(self._count, dtype=bool)
        for hazard in self._hazards:
            drawn = hazard.fault.dropouts(self._count, number)
            if drawn is not None:
                befallen = np.zeros(self._count, dtype=bool)
                befallen[list(self._befallen(hazard))] = True
                dropped |= drawn & befallen
        return dropped

    def past(self, now: float) -> Iterator[tuple[float, int, str, float]]:
        """Time, client (-1: the server), kind and end of every window until `now` in which links carried nothing."""
        for hazard in self._hazards:
            yield from _past(hazard.fault.restarts(), now, -1, hazard.kind)
            for client in self._befallen(hazard):
                for direction in ("up", "down"):
                    yield from _past(hazard.fault.outages(client, direction), now, client, f"{hazard.kind}_{direction}")

    def _befallen(self, hazard: Hazard) -> Collection[int]:
        return range(self._count) if hazard.clients is None else hazard.clients


def _past(windows: Windows | None, now: float, client: int, kind: str) -> Iterator[tuple[float, int, str, float]]:
    begin, end = windows.at(0.0) if windows is not None else (np.inf, np.inf)
    while windows is not None and begin <= now:
        yield begin, client, kind, end
        begin, end = windows.at(end)
