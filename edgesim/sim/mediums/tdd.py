"""Time division duplex: one band for both directions, in turn (phy.md 13)."""

from typing import Annotated

from edgesim.sim.discipline import Discipline
from edgesim.sim.ledger import Ledger
from edgesim.sim.mediums.base import Medium
from edgesim.sim.mediums.tdma import Sharing

LETTERS = {"up": "U", "down": "D"}


class Tdd(Medium):
    """Time division duplex: this direction has the band only in its slots of a pattern that repeats for ever.

    `DDDSU` gives the downlink three slots of five and the uplink one; S is the guard between them, in which nobody sends. Both
    directions should have the same pattern. Within its slots the direction is dealt out like the medium `inner`.

    pattern  a letter a slot: D downlink, U uplink, S guard
    slot_s   length of a slot [s]
    inner    who gets the direction's slots: `tdma`, `round_robin` or `fdma`; all at once as with `dedicated` where left out
    """

    def __init__(
        self,
        ledger: Ledger,
        direction: str,
        clients: int,
        key: int,
        *,
        pattern: str = "DDDSU",
        slot_s: Annotated[float, "(0, inf)"] = 0.5e-3,
        inner: Medium | None = None,
    ) -> None:
        letter = LETTERS[direction]
        if set(pattern) - set("DSU") or letter not in pattern:
            raise ValueError(f"pattern must be made of D, U and S, with a {letter} for the {direction}link; got {pattern!r}")
        if not slot_s > 0.0:
            raise ValueError(f"slot_s must be positive, got {slot_s}")
        if inner is not None and not inner.pausable:
            raise ValueError(
                f"{type(inner).__name__} lives by the clock and cannot pause between slots; use tdma or round_robin"
            )
        self._inner = inner
        self._slot_s = slot_s
        self._length = len(pattern)
        self._mine = [place for place, owner in enumerate(pattern) if owner == letter]
        super().__init__(ledger, direction, clients, key)

    def discipline(self) -> Discipline:
        made = self._inner.discipline() if self._inner is not None else None
        return made if made is not None else Sharing(frame=1.0)

    def share(self, client: int) -> float:
        return self._inner.share(client) if self._inner is not None else 1.0

    def gain(self, client: int) -> float:
        return self._inner.gain(client) if self._inner is not None else 1.0

    def open_s(self, now: float) -> float:
        frames, rest = divmod(now / self._slot_s, self._length)
        return self._slot_s * (frames * len(self._mine) + sum(min(max(rest - place, 0.0), 1.0) for place in self._mine))

    def when(self, open_s: float) -> float:
        frames, rest = divmod(open_s / self._slot_s, len(self._mine))
        slot = int(rest)
        if rest == slot and open_s > 0.0:  # the end of a slot of its own, not the beginning of the next
            frames, slot = (frames, slot - 1) if slot else (frames - 1.0, len(self._mine) - 1)
            rest = slot + 1.0
        return self._slot_s * (frames * self._length + self._mine[slot] + rest - slot)
