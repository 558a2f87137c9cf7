"""How many are in a queue, and for how long each: Little's law, which must hold in every run."""


class Census:
    """Counts who comes and goes. L = lambda W: mean number inside = arrivals per second x mean time inside (Little 1961).

    The number inside is integrated over time at every coming and going; the time inside is added up one by one, from the
    instants that each remembers. Over any span, counting what those still inside have spent there so far, both are the same,
    whatever the order of service is.

    inside  how many are in there now
    came    how many have come
    """

    __slots__ = ("_area_s", "_arrivals_s", "_opened", "_since", "_stayed_s", "came", "inside")

    def __init__(self, now: float) -> None:
        self._opened = self._since = now
        self.inside = 0
        self.came = 0
        self._area_s = 0.0  # integral of the number inside
        self._stayed_s = 0.0  # times inside of those who have left
        self._arrivals_s = 0.0  # when those inside came, after `_opened`

    def enter(self, now: float) -> None:
        """One more comes at `now` [s]."""
        self._area_s += self.inside * (now - self._since)
        self._since = now
        self.inside += 1
        self.came += 1
        self._arrivals_s += now - self._opened

    def leave(self, now: float, arrived: float) -> None:
        """One goes at `now` [s] who came at `arrived`."""
        self._area_s += self.inside * (now - self._since)
        self._since = now
        self.inside -= 1
        self._stayed_s += now - arrived
        self._arrivals_s = self._arrivals_s - (arrived - self._opened) if self.inside else 0.0

    def mean_number(self, now: float) -> float:
        """L, the time average of how many were inside."""
        span = now - self._opened
        return (self._area_s + self.inside * (now - self._since)) / span if span > 0.0 else 0.0

    def mean_stay_s(self, now: float) -> float:
        """W, the mean time inside of those who came, until now for those who are still there [s]."""
        present = self.inside * (now - self._opened) - self._arrivals_s
        return (self._stayed_s + present) / self.came if self.came else 0.0

    def holds(self, now: float, tolerance: float = 1e-9) -> bool:
        """Whether L = lambda W for everything until `now` [s]."""
        span = now - self._opened
        if span <= 0.0:
            return True
        number = self.mean_number(now)
        return abs(number - self.came / span * self.mean_stay_s(now)) <= tolerance * max(number, 1.0)
