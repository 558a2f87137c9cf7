"""Wi-Fi: listen before talk, collide, back off (phy.md 13)."""

import heapq
from math import ceil, inf
from typing import Annotated, Any, ClassVar, NamedTuple, Self

import numpy as np

from edgesim.errors import RunError
from edgesim.sim.discipline import Clock, Job, Load
from edgesim.sim.foresight import Course, Foreseen
from edgesim.sim.ledger import Ledger
from edgesim.sim.mediums.base import Medium

CHUNK = 1024  # random numbers drawn together
PATIENCE = 1 << 16  # collisions in a row, after which nobody will ever get through


class Csma(Medium):
    """The distributed coordination function of IEEE 802.11 with acknowledgements, without RTS/CTS.

    Every packet is a frame; a sender's messages wait in line. A frame goes out at once if the air is idle, otherwise after a
    random number of slots in [0, CW], counted as Bianchi (2000) does: a busy period is one slot. Two that begin in the same
    slot collide and are both sent again, CW doubling from `cw_min` to `cw_max`. A frame that has been sent again `retry_limit`
    times is given up: `lossy` transports lose its packet unless it is protected; for all else it begins anew. On air is whoever
    sends, frames that collide included; the rest is waiting. After 65 536 collisions in a row the run ends with a reason. The
    defaults are those of 802.11a, acknowledged at 6 Mbit/s.

    slot_s       idle slot [s]
    sifs_s       pause before an acknowledgement [s]
    difs_s       idle time after which the air counts as idle [s]
    preamble_s   preamble and PHY header of every frame [s]
    ack_s        acknowledgement, its preamble included [s]
    cw_min       smallest contention window
    cw_max       largest contention window
    retry_limit  times that a frame is sent again
    longest_s    frames longer than this are split [s]
    """

    pausable: ClassVar[bool] = False

    def __init__(
        self,
        ledger: Ledger,
        direction: str,
        clients: int,
        key: int,
        *,
        slot_s: Annotated[float, "(0, inf)"] = 9e-6,
        sifs_s: Annotated[float, "[0, inf)"] = 16e-6,
        difs_s: Annotated[float, "[0, inf)"] = 34e-6,
        preamble_s: Annotated[float, "[0, inf)"] = 20e-6,
        ack_s: Annotated[float, "[0, inf)"] = 44e-6,
        cw_min: Annotated[int, "[0, 32767]"] = 15,
        cw_max: Annotated[int, "[0, 32767]"] = 1023,
        retry_limit: Annotated[int, "[0, 255]"] = 7,
        longest_s: Annotated[float, "(0, inf)"] = 5.484e-3,
    ) -> None:
        if not (slot_s > 0.0 and longest_s > 0.0 and min(sifs_s, difs_s, preamble_s, ack_s) >= 0.0):
            raise ValueError("slot_s and longest_s must be positive, the other times must not be negative")
        if not (0 <= cw_min <= cw_max and retry_limit >= 0):
            raise ValueError(f"need 0 <= cw_min <= cw_max and retry_limit >= 0, got {cw_min}, {cw_max} and {retry_limit}")
        answer_s = sifs_s + ack_s
        self._rules = Rules(key, slot_s, difs_s, preamble_s, answer_s, cw_min, cw_max, retry_limit, longest_s)
        super().__init__(ledger, direction, clients, key)

    def discipline(self) -> Foreseen["Contention"]:
        return Foreseen(Contention(self._rules))


class Rules(NamedTuple):
    """Times and windows of contention; answer_s: until an acknowledgement has been heard [s]."""

    key: int
    slot_s: float
    difs_s: float
    preamble_s: float
    answer_s: float
    cw_min: int
    cw_max: int
    retry_limit: int
    longest_s: float

    def frames(self, load: Load) -> int:
        """How many frames a load takes."""
        return max(load.packets, ceil(load.air_s / self.longest_s))

    def window(self, tries: int) -> int:
        """From how many slots one is drawn after so many tries that failed."""
        return min(self.cw_max + 1, (self.cw_min + 1) << tries)


class Station:
    """A sender: its jobs in line, the frames of the first one that are over, and how often the next has failed."""

    __slots__ = ("jobs", "over", "tries")

    def __init__(self, jobs: list[Job], over: int = 0, tries: int = 0) -> None:
        self.jobs = jobs
        self.over = over
        self.tries = tries


class Contention(Course):
    """Who sends in which slot. Slots are counted; slot `_slot` begins at `_opens`, when the air has been idle for a DIFS."""

    def __init__(self, rules: Rules) -> None:
        super().__init__()
        self._rules = rules
        self._slot, self._opens = 0, 0.0
        self._stations: dict[Clock, Station] = {}
        self._heap: list[tuple[int, int, Clock]] = []  # slot in which it sends, tie-breaker, station
        self._pushed = 0
        self._collided = 0  # collisions in a row
        self._drawn = 0  # random numbers used up
        self._numbers: np.ndarray = np.zeros(0)

    def blank(self) -> Self:
        return type(self)(self._rules)

    def state(self) -> dict[str, Any]:
        return {"slot": self._slot, "opens": self._opens, "drawn": self._drawn}

    def restore(self, state: dict[str, Any]) -> None:
        self._slot, self._opens, self._drawn = state["slot"], state["opens"], state["drawn"]
        self._draw(self._drawn // CHUNK)

    def begins(self) -> float:
        if not self._heap:
            return inf
        return self._opens + (self._heap[0][0] - self._slot) * self._rules.slot_s

    def soonest(self) -> float:
        return self.begins() + self._frame_s(self._stations[self._heap[0][2]].jobs[0])  # a collision lasts as its longest

    def add(self, job: Job, now: float) -> None:
        sender = job.sending
        if sender in self._stations:
            self._stations[sender].jobs.append(job)
            return
        self._stations[sender] = Station([job])
        if now < self._opens:  # the air is busy
            self._back_off(sender)
            return
        if not self._heap:
            self._opens, self._collided = now, 0
        self._push(ceil((now - self._opens) / self._rules.slot_s - 1e-9), sender)

    def remove(self, job: Job) -> None:
        station = self._stations[job.sending]
        if station.jobs[0] is job:
            station.over = station.tries = 0
        station.jobs.remove(job)
        if not station.jobs:
            del self._stations[job.sending]
            self._heap = [entry for entry in self._heap if entry[2] is not job.sending]
            heapq.heapify(self._heap)

    def event(self) -> None:
        rules, start, slot = self._rules, self.begins(), self._heap[0][0]
        senders: list[Clock] = []
        longest: dict[Clock, tuple[float, Job]] = {}  # what each receiver hears
        while self._heap and self._heap[0][0] == slot:
            sender = heapq.heappop(self._heap)[2]
            job = self._stations[sender].jobs[0]
            seconds = self._frame_s(job)
            self.send(job, start, seconds)
            if job.receiving not in longest or seconds > longest[job.receiving][0]:
                longest[job.receiving] = seconds, job
            senders.append(sender)
        for seconds, job in longest.values():
            self.hear(job, start, seconds)
        end = start + max(seconds for seconds, _job in longest.values())
        if len(senders) == 1:
            end += rules.answer_s
        self._collided = 0 if len(senders) == 1 else self._collided + 1
        if self._collided > PATIENCE:
            raise RunError(
                f"{len(self._stations)} senders collided {self._collided} times in a row: let cw_min and cw_max of csma be "
                "larger, or fewer send at once"
            )
        self._slot, self._opens = slot + 1, end + rules.difs_s
        for sender in senders:
            self._sent(sender, len(senders) == 1, end)

    def _frame_s(self, job: Job) -> float:
        return self._rules.preamble_s + job.load.air_s / self._rules.frames(job.load)

    def _sent(self, sender: Clock, through: bool, end: float) -> None:
        """A frame has been sent; on to the next, or once more."""
        rules, station = self._rules, self._stations[sender]
        job = station.jobs[0]
        frames, share = rules.frames(job.load), self.shares[job]
        packet = station.over * job.load.packets // frames
        station.tries = 0 if through else station.tries + 1
        if station.tries > rules.retry_limit:
            station.tries = 0
            if packet >= job.load.sure:
                share.dropped += (packet,)
                through = True
        if not through:
            share.repeats += job.load.packets / frames
        else:
            station.over += 1
        if station.over == frames:
            self.done[job] = end
            station.jobs.pop(0)
            station.over = 0
        if station.jobs:
            self._back_off(sender)
        else:
            del self._stations[sender]

    def _back_off(self, sender: Clock) -> None:
        self._push(int(self._random() * self._rules.window(self._stations[sender].tries)), sender)

    def _push(self, idle: int, sender: Clock) -> None:
        """The station sends after so many slots."""
        self._pushed += 1
        heapq.heappush(self._heap, (self._slot + idle, self._pushed, sender))

    def _random(self) -> float:
        """The next number in [0, 1): a function of the medium's key and of how many came before."""
        chunk, place = divmod(self._drawn, CHUNK)
        if place == 0:
            self._draw(chunk)
        self._drawn += 1
        return float(self._numbers[place])

    def _draw(self, chunk: int) -> None:
        counter = np.array([0, chunk, 0, 0], dtype=np.uint64)
        self._numbers = np.random.Generator(np.random.Philox(key=self._rules.key, counter=counter)).random(CHUNK)
