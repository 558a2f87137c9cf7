"""The one sink of a run's rows."""

from collections.abc import Mapping
from typing import Any

from edgesim.record import evaluations, tables
from edgesim.record.evaluations import Evaluations
from edgesim.record.folder import RunFolder
from edgesim.record.tables import Table
from edgesim.record.tensorboard import Board
from edgesim.rows import Entry, Evaluation, Fault, NonFinite, Round, Step, Transfer

AnyTable = Table[Step] | Table[Transfer] | Table[Entry] | Table[Round] | Table[Fault] | Table[NonFinite]


class Recorder:
    """Takes the rows of one run and keeps its tables on disk.

    folder  where the tables grow
    trace   whether the book is kept too; without it `entry` takes rows and keeps none
    rows    that its tables hold, by name, where the run is resumed (edgesim/record/recovery.py has rewound them)
    board   whether TensorBoard is to have its curves too
    """

    def __init__(
        self, folder: RunFolder, *, trace: bool = False, rows: Mapping[str, int] | None = None, board: bool = False
    ) -> None:
        self.trace = trace
        self._rows = dict(rows or {})
        self._folder = folder.path
        self._steps: Table[Step] = self._table("steps")
        self._transfers: Table[Transfer] = self._table("transfers")
        self._entries: Table[Entry] | None = self._table("entries") if trace else None
        # of protocols that have them; of runs in which something failed
        self._rounds: Table[Round] | None = self._table("rounds") if "rounds" in self._rows else None
        self._faults: Table[Fault] | None = self._table("faults") if "faults" in self._rows else None
        self._non_finite: Table[NonFinite] | None = self._table("non_finite") if "non_finite" in self._rows else None
        self._evaluations = Evaluations(folder.path, evaluations.rows_of(folder.path) if rows else ())
        # bound once: a call less for every row
        self.step = self._steps.append
        self.transfer = self._transfers.append
        self.steps, self.transfers = self._steps.extend, self._transfers.extend
        self._board = self._new_board() if board else None
        if self._board is not None:
            self.step = self._step_on_board

    def entry(self, row: Entry) -> None:
        """A line of the book."""
        if self._entries is not None:
            self._entries.append(row)

    def round(self, row: Round) -> None:
        """A finished round."""
        if self._rounds is None:
            self._rounds = self._table("rounds")
        self._rounds.append(row)

    def fault(self, row: Fault) -> None:
        """Something that failed."""
        if self._faults is None:
            self._faults = self._table("faults")
        self._faults.append(row)

    def non_finite(self, row: NonFinite) -> None:
        """Numbers that were not finite."""
        if self._non_finite is None:
            self._non_finite = self._table("non_finite")
        self._non_finite.append(row)

    def evaluation(self, row: Evaluation) -> None:
        """A look at the test set; it is on disk when this returns."""
        self._evaluations.append(row)
        if self._board is not None:
            self._board.evaluation(row)

    def flush(self) -> None:
        """Put everything taken until now on disk."""
        for table in self._tables():
            table.flush()

    def close(self) -> None:
        """Write what is left and merge each table into one file."""
        for table in self._tables():
            table.close()
        if self._board is not None:
            self._board.close()

    def state(self) -> dict[str, int]:
        """How many rows each table holds."""
        return {**{table.name: table.rows for table in self._tables()}, "evaluations": self._evaluations.rows}

    def _step_on_board(self, row: Step) -> None:
        self._steps.append(row)
        if self._board is not None:
            self._board.step(row)

    def _new_board(self) -> Board:
        """With what a run that is resumed has on disk."""
        steps = tables.read(self._folder, "steps").to_pylist() if self._rows.get("steps") else ()
        return Board(self._folder, (Step(**row) for row in steps), evaluations.rows_of(self._folder))

    def _table(self, name: str) -> Table[Any]:
        return Table(self._folder, name, rows=self._rows.get(name, 0))

    def _tables(self) -> list[AnyTable]:
        seldom = [self._rounds, self._faults, self._non_finite]
        tables: list[AnyTable | None] = [self._steps, self._transfers, self._entries, *seldom]
        return [table for table in tables if table is not None]
