"""Sums by name, small enough for a hundred thousand devices: numbers in a row, and one table of places for all devices."""

from array import array

COLUMNS = 3  # of a phase: seconds and joules; of a state: seconds
SECONDS, JOULES, BUSY_S = range(COLUMNS)
_NOTHING = (0.0,) * COLUMNS


class Places(dict[str, int]):
    """Where the numbers of a name begin; a name gets its place when it is first asked for."""

    def __missing__(self, name: str) -> int:
        self[name] = place = COLUMNS * len(self)
        return place


class Sums:
    """A few numbers for each name.

    places  which other sums may share
    """

    __slots__ = ("_numbers", "_places")

    def __init__(self, places: Places) -> None:
        self._places = places
        self._numbers = array("d")

    def anew(self) -> "Sums":
        """Others with the same places, all zero."""
        return Sums(self._places)

    def add(self, name: str, column: int, amount: float) -> None:
        """Add to one number of a name."""
        place = self._places[name] + column
        try:
            self._numbers[place] += amount
        except IndexError:
            self._grow(place)
            self._numbers[place] += amount

    def add_stretch(self, phase: str, seconds: float, joules: float) -> None:
        """Add to both numbers of a phase."""
        place = self._places[phase]
        numbers = self._numbers
        try:
            numbers[place] += seconds
        except IndexError:
            self._grow(place)
            numbers[place] += seconds
        numbers[place + JOULES] += joules

    def _grow(self, place: int) -> None:
        while place >= len(self._numbers):
            self._numbers.extend(_NOTHING)

    def by_name(self, column: int, where: int) -> dict[str, float]:
        """One column of the names whose number in the column `where` is not zero."""
        numbers = self._numbers
        rows = [(name, place) for name, place in self._places.items() if place < len(numbers)]
        return {name: numbers[place + column] for name, place in rows if numbers[place + where]}
