"""Which clients are there, and what becomes of their work when one of them goes."""

import math
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol, TypeVar

import simpy

from edgesim.rows import Fault
from edgesim.sim.device import Device
from edgesim.sim.hazards import END, LATE, Hazards, Lost
from edgesim.sim.ledger import Ledger
from edgesim.sim.meter import OFF

Process = Generator[simpy.Event, Any, Any]


class Numbered(Protocol):
    """Who has a number."""

    @property
    def number(self) -> int: ...


C = TypeVar("C", bound=Numbered)
RESOLUTION_S = 1e-9  # to which the instant is found at which a battery is empty


class Presence:
    """Who is there now is a function of time, except for batteries; events only cut work short and switch devices off.

    devices  of the clients, by number
    hazards  what may befall them; None: nothing ever does
    fails    whether a client may ever be missing
    hear     called with every fault
    counts   faults by kind
    dead     clients whose battery is empty, by number
    late     work that goes on after the deadline of its round, by the client's number
    """

    def __init__(self, ledger: Ledger, devices: Sequence[Device], hazards: Hazards | None) -> None:
        self._ledger, self._devices = ledger, devices
        self._hazards = hazards if hazards is not None else Hazards((), len(devices))
        self.fails = hazards is not None
        self.hear: Callable[[Fault], None] | None = None
        self.counts: Counter[str] = Counter()
        self.dead: dict[int, float] = {}
        self.restart()

    def restart(self, like: "Presence | None" = None) -> None:
        """Begin anew at the ledger's present, with the batteries of `like`, its counterpart in a real world."""
        self._at_work: dict[int, list[simpy.Process]] = {}
        self._off: dict[int, float] = {}  # since when
        self._turns: dict[int, float] = {}  # when somebody may go or come back, in the order in which that was found out
        self._alarms: dict[int, float] = {}  # when a battery may be empty
        self.late: dict[int, simpy.Process] = {}
        self.dead = dict(like.dead) if like is not None else {}
        self._used = {client: like.used_j(client) for client in self._hazards.capacity_j} if like is not None else {}
        for client in self.dead:
            self._switch_off(client)
        self._has_looked = not (self._hazards.absences or self._hazards.capacity_j)
        if not self._has_looked:
            self._ledger.at(self._ledger.now, self._look)

    # -- who is there: functions of time ------------------------------------------------------------------------------

    def lost(self, client: int, since: float) -> Lost | None:
        """What kept a client away, now or at any time after `since` [s]; None if nothing did."""
        if client in self.dead:
            return Lost(client, "battery", math.inf)
        for kind, windows in self._hazards.absences.get(client, ()):
            if windows.at(since).begin <= self._ledger.now:
                return Lost(client, kind, self.back(client))
        return None

    def back(self, client: int) -> float:
        """When a client is there next [s], now if it is; inf: never again."""
        time, before = self._ledger.now, -1.0
        if client in self.dead:
            return math.inf
        while before != time < math.inf:
            before = time
            for _kind, windows in self._hazards.absences.get(client, ()):
                begin, end = windows.at(time)
                time = end if begin <= time else time
        return time

    def there(self, number: int, anybody: bool) -> list[int]:
        """The clients that do not leave round `number` out, and that are there and have no work left from another round.

        anybody  also those that are not there
        """
        now, dropped = self._ledger.now, self._hazards.dropped(number)
        clients = [client for client in range(len(self._devices)) if not dropped[client] and client not in self.late]
        return clients if anybody else [client for client in clients if self.lost(client, now) is None]

    def returns(self) -> float:
        """When somebody is there [s], now if somebody is; inf: nobody ever will be."""
        now, first = self._ledger.now, math.inf
        for client in range(len(self._devices)):
            first = min(first, self.back(client))
            if first == now:
                break
        return first

    def with_somebody(self, work: Process) -> Process:
        """Let the time pass in which nobody is there, and then do the work."""
        while self._ledger.now < (back := self.returns()) < math.inf:
            yield from self._ledger.spend("idle", back - self._ledger.now)
        yield from work

    # -- work that may be cut short -----------------------------------------------------------------------------------

    def _attempt(self, client: int, work: Callable[[], Process], since: float | None = None) -> Process:
        """Do a client's work, if it has been there ever `since` [s]. Gives what the work returns, or `Lost`."""
        lost = self.lost(client, self._ledger.now if since is None else since)
        if lost is not None:
            return lost
        try:
            with self.relying(client):
                result = yield from work()
        except simpy.Interrupt as cut:
            return cut.cause
        return result

    @contextmanager
    def relying(self, client: int) -> Iterator[None]:
        """Meanwhile the process under way is cut short when that client goes."""
        process = self._ledger.env.active_process
        assert process is not None
        at_work = self._at_work.setdefault(client, [])
        at_work.append(process)
        try:
            yield
        finally:
            at_work.remove(process)

    def together(self, processes: Iterable[Process]) -> Generator[simpy.Event, Any, list[Any]]:
        """Run processes at the same time and give what each returns, in their order."""
        env = self._ledger.env
        begun = [env.process(process) for process in processes]
        yield env.all_of(begun)
        return [process.value for process in begun]

    def each(
        self,
        clients: Sequence[C],
        work: Callable[[C], Process],
        *,
        since: float | None = None,
        until: float = math.inf,
        keeps: bool = False,
    ) -> Generator[simpy.Event, Any, list[Any]]:
        """Work of several clients at the same time. Gives what it returns, in their order, and `Lost` where it was cut short.

        since   whoever was away at any time after that does not begin [s]
        until   a deadline [s]: who is late is cut short; or goes on, in `late`, with `keeps`
        """
        if self.fails or until < math.inf:
            begun = [(client.number, self._attempt(client.number, partial(work, client), since)) for client in clients]
            return (yield from self._until(begun, until, keeps))
        if len(clients) == 1:
            result = yield from work(clients[0])
            return [result]
        return (yield from self.together(work(client) for client in clients))

    def _until(self, work: Sequence[tuple[int, Process]], until: float, keeps: bool) -> Generator[simpy.Event, Any, list[Any]]:
        env = self._ledger.env
        begun = {client: env.process(process) for client, process in work}
        over = env.event()
        if until < math.inf:
            self._ledger.at(until, partial(_trigger, over))
        yield env.any_of([env.all_of(list(begun.values()) or list(self.late.values())), over])
        results = {client: process.value for client, process in begun.items() if process.triggered}
        for client, process in begun.items():
            if client not in results:
                results[client] = late = Lost(client, LATE, self._ledger.now)
                self._note(late)
                if keeps:
                    self.late[client] = process
                else:
                    process.interrupt(late)
        if not keeps:
            yield env.all_of(list(begun.values()))
        return [results[client] for client in begun]

    def arrived(self) -> dict[int, Any]:
        """What late work has come to since somebody last asked, by client."""
        over = {client: process.value for client, process in self.late.items() if process.triggered}
        for client in over:
            del self.late[client]
        return over

    def close(self) -> None:
        """The run is over: cut short what is under way, end the time line of devices that are off, tell of all outages."""
        env, now = self._ledger.env, self._ledger.now
        busy = [process for process in self.late.values() if process.is_alive]
        for client, process in self.late.items():
            if process.is_alive:
                process.interrupt(Lost(client, END, math.inf))
        if busy:
            env.run(until=env.all_of(busy))
        for client, since in self._off.items():
            self._switch_on(client, since)
        self._off.clear()
        for begin, client, kind, end in sorted(self._hazards.past(now)):
            self._tell(Fault(begin, client, kind, end))

    # -- events -------------------------------------------------------------------------------------------------------

    def used_j(self, client: int) -> float:
        """What a client has drawn from its battery [J]."""
        return self._used.get(client, 0.0) + self._devices[client].meter.joules_until(self._ledger.now)

    def _look(self) -> None:
        """Find out who is there, and when that changes."""
        self._has_looked = True
        for client in self._hazards.absences:
            self._turn(client)
        for client in self._hazards.capacity_j:
            self._drain(client)

    def _turn(self, client: int) -> None:
        """A client goes or comes back, or was expected to; look again when it may next."""
        self._turns.pop(client, None)
        lost = self.lost(client, self._ledger.now)
        if client in self.dead:
            return
        if lost is not None:
            if client not in self._off:
                self._fall(lost)
            after = lost.until_s
        else:
            if client in self._off:
                self._switch_on(client, self._off.pop(client))
                self._drain(client)
            after = min(windows.at(self._ledger.now).begin for _kind, windows in self._hazards.absences[client])
        if after < math.inf:
            self._turns[client] = self._ledger.at(after, partial(self._turn, client))

    def _fall(self, lost: Lost) -> None:
        """A client is not there any more."""
        self._note(lost)
        for process in self._at_work.get(lost.client, ()):
            process.interrupt(lost)
        self._switch_off(lost.client)

    def _switch_off(self, client: int) -> None:
        self._off[client] = self._ledger.now
        self._devices[client].meter.off(self._ledger.now)

    def _switch_on(self, client: int, since: float) -> None:
        now, meter = self._ledger.now, self._devices[client].meter
        meter.end(now, OFF, OFF, -meter.base_w, now - since)

    def _drain(self, client: int) -> None:
        """Look at a battery again when it may be empty at the earliest."""
        if client in self._off or client not in self._hazards.capacity_j:
            return
        now, device = self._ledger.now, self._devices[client]
        left_s = (self._hazards.capacity_j[client] - self.used_j(client)) / device.most_w
        if left_s <= max(RESOLUTION_S, 2.0 * math.ulp(now)):
            self.dead[client] = now
            self._fall(Lost(client, "battery", math.inf))
            return
        self._alarms.pop(client, None)
        self._alarms[client] = self._ledger.at(now + left_s, partial(self._ring, client))

    def _ring(self, client: int) -> None:
        if self._alarms[client] == self._ledger.now:
            self._drain(client)

    def _note(self, lost: Lost) -> None:
        self._tell(Fault(self._ledger.now, lost.client, lost.kind, lost.until_s))

    def _tell(self, row: Fault) -> None:
        self.counts[row.kind] += 1
        if self.hear is not None:
            self.hear(row)


def _trigger(event: simpy.Event) -> None:
    event.succeed()
