"""The book of one device as tracks of a timeline: what it computed, sent, received, and when it idled."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from edgesim.rows import Entry

COMPUTE, TX, RX, IDLE = "compute", "tx", "rx", "idle"
TRACKS = (COMPUTE, TX, RX, IDLE)
RADIO_PHASES = ("uplink", "downlink")


class Slice(NamedTuple):
    """A stretch of one track. joules: what the whole device drew meanwhile, all tracks together."""

    track: str
    name: str
    start_s: float
    end_s: float
    joules: float


class _Open(NamedTuple):
    name: str | None
    start_s: float
    end_s: float
    joules: float
    state: str


def slices(entries: Iterable[Entry]) -> Iterator[Slice]:
    """The slices of one device from its entries in order of time; on each track they follow one another and never overlap.

    An entry of a joint state such as compute+rx lies on both tracks. Where an activity was cut only because another began or
    ended beside it, its pieces are one slice again. The seconds on a track are the seconds of the entries whose state names it.
    """
    under_way: dict[str, _Open] = {}
    for entry in entries:
        for track in _tracks(entry.state):
            before = under_way.get(track)
            piece = _Open(_name(track, entry), entry.start_s, entry.end_s, entry.joules, entry.state)
            if before is not None and _continues(before, piece):
                under_way[track] = piece._replace(
                    name=before.name or piece.name, start_s=before.start_s, joules=before.joules + piece.joules
                )
                continue
            if before is not None:
                yield _closed(track, before)
            under_way[track] = piece
    for track, last in under_way.items():
        yield _closed(track, last)


def _tracks(state: str) -> list[str]:
    parts = state.split("+")
    return [part if part in TRACKS else IDLE for part in parts]  # sleep and the like: a kind of idling


def _name(track: str, entry: Entry) -> str | None:
    """What the device did on this track; None where the entry's phase belongs to the other activity of a joint state."""
    if entry.state not in TRACKS and "+" not in entry.state:
        return entry.state
    if entry.state == track or (track == COMPUTE and entry.phase not in RADIO_PHASES):
        return entry.phase
    return None


def _continues(before: _Open, piece: _Open) -> bool:
    """Two pieces of one activity: they touch, only the company changed, and nothing says they are different things."""
    if before.end_s != piece.start_s or before.state == piece.state:
        return False
    return before.name == piece.name or before.name is None or piece.name is None


def _closed(track: str, last: _Open) -> Slice:
    return Slice(track, last.name or track, last.start_s, last.end_s, last.joules)
