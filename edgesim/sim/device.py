"""A device: it computes at a sustained rate, draws power, and carries one radio."""

from collections.abc import Callable, Generator, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import simpy

from edgesim.errors import RunError
from edgesim.sim.account import Account
from edgesim.sim.hazards import END, Lost
from edgesim.sim.ledger import Charge, Ledger, Wait
from edgesim.sim.meter import PROMOTION
from edgesim.sim.turn import Turn
from edgesim.sim.windows import Windows
from edgesim.work import Work

MOST_ATTEMPTS = 10_000  # at a job that restarts of the server cut short


class _Levels(NamedTuple):
    """What follows from a device's profiles: powers [W], all but the base and the most above the base, and a core's rate."""

    base_w: float
    tx_w: float
    rx_w: float
    tail_w: float
    promotion_w: float
    core_w: float
    most_w: float
    core_flops: float


@lru_cache(maxsize=64)
def _levels(
    rate_flops: float, idle_w: float, active_w: float, radio_idle_w: float, radio_w: tuple[float, ...], cores: int
) -> _Levels:
    """Worked out once for devices that are alike, so that a hundred thousand of them share the numbers."""
    added = (active_w - idle_w, *(watts - radio_idle_w for watts in radio_w))
    most_w = idle_w + radio_idle_w + sum(max(0.0, watts) for watts in added)
    computing_w, tx_w, rx_w, tail_w, promotion_w = added
    return _Levels(idle_w + radio_idle_w, tx_w, rx_w, tail_w, promotion_w, computing_w / cores, most_w, rate_flops / cores)


class Device:
    """Compute and radio power of one actor.

    rate_flops  sustained rate of the whole device [FLOP/s]
    idle_w, active_w            compute part, idle and busy [W]
    radio_idle_w, tx_w, rx_w    radio part; idle is what it draws when nothing happens [W]
    tail_w, tail_s              power after it was on air, and for how long [W], [s]; 0 s: none
    promotion_w, promotion_s    power while a radio that sleeps connects, and how long that takes [W], [s]; 0 s: it does not
    cores       jobs at once; each gets an equal share of the rate and of the added power
    half_duplex its radio cannot send and receive at the same time

    most_w      more than that it never draws [W]
    down        of a server whose clients may go: when it is down itself. It goes on with a job when the client is gone, and
                begins anew with one that was under way when it went down; None: a job ends when it is interrupted
    """

    __slots__ = (
        "_core_flops",
        "_turn",
        "computing",
        "connecting",
        "cores",
        "down",
        "ledger",
        "meter",
        "most_w",
        "name",
        "promotion_s",
        "radio",
        "receiving",
        "sending",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        ledger: Ledger,
        *,
        rate_flops: float,
        idle_w: float,
        active_w: float,
        radio_idle_w: float = 0.0,
        tx_w: float = 0.0,
        rx_w: float = 0.0,
        tail_w: float = 0.0,
        tail_s: float = 0.0,
        promotion_w: float = 0.0,
        promotion_s: float = 0.0,
        cores: int = 1,
        half_duplex: bool = False,
    ) -> None:
        self.name = name
        self.ledger = ledger
        alike = _levels(rate_flops, idle_w, active_w, radio_idle_w, (tx_w, rx_w, tail_w, promotion_w), cores)
        self.meter = ledger.open(name, alike.base_w, alike.tail_w, tail_s)
        self.sending = Charge(self.meter, "tx", alike.tx_w)
        self.receiving = Charge(self.meter, "rx", alike.rx_w)
        self.promotion_s = promotion_s
        self.connecting = Charge(self.meter, PROMOTION, alike.promotion_w) if promotion_s else None
        self.computing = Charge(self.meter, "compute", alike.core_w)
        self._core_flops = alike.core_flops
        self.cores = cores
        self._turn = Turn(ledger, cores)
        self.radio = Turn(ledger) if half_duplex else None
        self.down: Windows | None = None
        self.most_w = alike.most_w

    def seconds(self, flops: float) -> float:
        """How long a core takes for that [s]."""
        return flops / self._core_flops

    def run(self, phase: str, job: Callable[[], Work], account: Account | None = None) -> Generator[simpy.Event, Any, Any]:
        """Wait for a core, do the job at that instant, let its time pass, give its value.

        The job reads the world as it is when the activity starts; its value is published when it ends.
        """
        if not self._turn.take():
            yield from self._turn.enter(account)
        try:
            work = job()
            seconds = self.seconds(work.flops)
            if self.down is None:
                yield from self.ledger.spend(phase, seconds, self.computing, account=account)
            else:
                yield from self._persist(phase, seconds, self.down, account)
        finally:
            self._turn.leave()
        return work.value

    def _persist(self, phase: str, seconds: float, down: Windows, account: Account | None) -> Wait:
        """Compute for `seconds` [s] in a row while it is not down, whoever is gone meanwhile."""
        gone = None
        for until, is_up in _pieces(self.ledger.now, seconds, down):
            doing, charges = (phase, (self.computing,)) if is_up else ("wait", ())
            while (now := self.ledger.now) < until:
                try:
                    yield from self.ledger.spend(doing, until - now, *charges, account=account)
                except simpy.Interrupt as cut:
                    if isinstance(cut.cause, Lost) and cut.cause.kind == END:
                        raise
                    gone = cut
        if gone is not None:
            raise gone

    def connect(self, phase: str, account: Account) -> Wait:
        """Let its radio connect to the network if it sleeps, before it sends or receives; the time counts as waiting."""
        ledger, meter = self.ledger, self.meter
        began = ledger.now
        if self.connecting is not None and meter.asleep(began):
            meter.connected_s = began + self.promotion_s
            yield from ledger.spend(phase, self.promotion_s, self.connecting)
        elif began < meter.connected_s:  # for another message
            yield from ledger.spend(phase, meter.connected_s - began)
        account.add("wait", ledger.now - began)


def _pieces(now: float, seconds: float, down: Windows) -> Iterator[tuple[float, bool]]:
    """Until when [s] a job that is begun at `now` is worked on, True, or not, and so on; the last attempt is whole."""
    begin, end = down.at(now)
    for _ in range(MOST_ATTEMPTS):
        if begin >= now + seconds:
            break
        if begin > now:
            yield begin, True
        yield end, False
        now = end
        begin, end = down.at(now)
    else:
        raise RunError(
            f"the server was stopped {MOST_ATTEMPTS} times before it had computed for {seconds:.6g} s in a row: "
            "let its restarts be rarer"
        )
    yield now + seconds, True
