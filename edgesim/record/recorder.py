"""The one sink of a run's rows."""

from edgesim.record.evaluations import Evaluations
from edgesim.record.folder import RunFolder
from edgesim.record.tables import Table
from edgesim.rows import Entry, Evaluation, Fault, NonFinite, Round, Step, Transfer

AnyTable = Table[Step] | Table[Transfer] | Table[Entry] | Table[Round] | Table[Fault] | Table[NonFinite]


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
        self._rounds: Table[Round] | None = None  # of protocols that have them
        self._faults: Table[Fault] | None = None  # of runs in which something failed
        self._non_finite: Table[NonFinite] | None = None
        self._folder = folder.path
        self._evaluations = Evaluations(folder.path)
        # bound once: a call less for every row
        self.step = self._steps.append
        self.transfer = self._transfers.append

    def entry(self, row: Entry) -> None:
        """A line of the book."""
        if self._entries is not None:
            self._entries.append(row)

    def round(self, row: Round) -> None:
        """A finished round."""
        if self._rounds is None:
            self._rounds = Table(self._folder, "rounds")
        self._rounds.append(row)

    def fault(self, row: Fault) -> None:
        """Something that failed."""
        if self._faults is None:
            self._faults = Table(self._folder, "faults")
        self._faults.append(row)

    def non_finite(self, row: NonFinite) -> None:
        """Numbers that were not finite."""
        if self._non_finite is None:
            self._non_finite = Table(self._folder, "non_finite")
        self._non_finite.append(row)

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

    def _tables(self) -> list[AnyTable]:
        seldom = [self._rounds, self._faults, self._non_finite]
        tables: list[AnyTable | None] = [self._steps, self._transfers, self._entries, *seldom]
        return [table for table in tables if table is not None]
