"""The one sink of a run's rows."""

from edgesim.record.evaluations import Evaluations
from edgesim.record.folder import RunFolder
from edgesim.record.tables import Table
from edgesim.rows import Entry, Evaluation, Step, Transfer


class Recorder:
    """Takes the rows of one run and keeps its tables on disk.

    folder  where the tables grow
    trace   whether the book is kept too; without it `entry` takes rows and keeps none
    """

    def __init__(self, folder: RunFolder, *, trace: bool = False) -> None:
        self.trace = trace
        self._steps: Table[Step] = Table(folder.path, "steps")
        self._transfers: Table[Transfer] = Table(folder.path, "transfers")
        self._entries: Table[Entry] | None = Table(folder.path, "entries") if trace else None
        self._evaluations = Evaluations(folder.path)
        # bound once: a call less for every row
        self.step = self._steps.append
        self.transfer = self._transfers.append

    def entry(self, row: Entry) -> None:
        """A line of the book."""
        if self._entries is not None:
            self._entries.append(row)

    def evaluation(self, row: Evaluation) -> None:
        """A look at the test set; it is on disk when this returns."""
        self._evaluations.append(row)

    def flush(self) -> None:
        """Put everything taken until now on disk."""
        for table in self._tables():
            table.flush()

    def close(self) -> None:
        """Write what is left and merge each table into one file."""
        for table in self._tables():
            table.close()

    def state(self) -> dict[str, int]:
        """How many rows each table holds."""
        return {**{table.name: table.rows for table in self._tables()}, "evaluations": self._evaluations.rows}

    def _tables(self) -> list[Table[Step] | Table[Transfer] | Table[Entry]]:
        always: list[Table[Step] | Table[Transfer] | Table[Entry]] = [self._steps, self._transfers]
        return always if self._entries is None else [*always, self._entries]
