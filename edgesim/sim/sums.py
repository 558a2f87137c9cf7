"""Sums by name, small enough for a hundred thousand devices: numbers in a row, and one table of places for all devices."""

from array import array
from collections.abc import Iterable

import numpy as np

COLUMNS = 3  # of a phase: seconds and joules; of a state: seconds
SECONDS, JOULES, BUSY_S = range(COLUMNS)
_NOTHING = (0.0,) * COLUMNS


def in_order(first: float, amounts: np.ndarray) -> float:
    """The sum of `first` and the amounts [n], added one by one from the left, as somebody who adds one at a time gets it."""
    return float(np.cumsum(np.append(first, amounts))[-1])


class Places(dict[str, int]):
    """Where the numbers of a name begin; a name gets its place when it is first asked for."""

    def __missing__(self, name: str) -> int:
        self[name] = place = COLUMNS * len(self)
        return place

    @classmethod
    def of(cls, names: Iterable[str]) -> "Places":
        """Places for these, in this order."""
        return cls({name: COLUMNS * number for number, name in enumerate(names)})


class Sums:
    """A few numbers for each name.

    places  which other sums may share
    """

    __slots__ = ("_numbers", "_places")

    def __init__(self, places: Places) -> None:
        self._places = places
        self._numbers = array("d")

    @property
    def places(self) -> Places:
        """Where the numbers of a name begin."""
        return self._places

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

    def run(self, name: str, column: int, amounts: np.ndarray) -> None:
        """Add many amounts [n] to one number of a name, one after the other."""
        place = self._places[name] + column
        self.put([(place, in_order(self.number(place), amounts))])

    def number(self, place: int) -> float:
        """The number at a place."""
        return self._numbers[place] if place < len(self._numbers) else 0.0

    def put(self, numbers: Iterable[tuple[int, float]]) -> None:
        """Set numbers, given with their places."""
        for place, number in numbers:
            if place >= len(self._numbers):
                self._grow(place)
            self._numbers[place] = number

    def _grow(self, place: int) -> None:
        while place >= len(self._numbers):
            self._numbers.extend(_NOTHING)

    def by_name(self, column: int, where: int) -> dict[str, float]:
        """One column of the names whose number in the column `where` is not zero."""
        numbers = self._numbers
        rows = [(name, place) for name, place in self._places.items() if place < len(numbers)]
        return {name: numbers[place + column] for name, place in rows if numbers[place + where]}
