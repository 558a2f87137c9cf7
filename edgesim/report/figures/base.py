"""What a kind of figure is: numbers read from results, and a drawing of nothing but those numbers."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from edgesim.report.results import Results

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure as Picture


class Numbers(NamedTuple):
    """What a figure shows.

    rows    the lines of the CSV behind the figure, all with the same keys; at least one
    images  pictures that it shows besides, [S, S, C] uint8 by the number they have in the rows
    """

    rows: Sequence[Mapping[str, Any]]
    images: "Mapping[int, np.ndarray]" = MappingProxyType({})


class Figure(ABC):
    """A kind of figure. Abstract: one final subclass a file, whose docstring's first line is what `edgesim list plots` prints.

    many     whether it compares runs; otherwise it is of exactly one
    best_of  a report of a single run leaves out what is best of several, a report of several what is best of one
    """

    many: ClassVar[bool] = False
    best_of: ClassVar[Literal["one", "several", "any"]] = "one"

    @abstractmethod
    def numbers(self, runs: Sequence[Results]) -> Numbers:
        """Read what the figure shows. Raises UsageError where a run has not what it takes."""

    @abstractmethod
    def draw(self, numbers: Numbers) -> "Picture":
        """Draw the numbers and nothing else; called under the style of edgesim/report/page.py."""
