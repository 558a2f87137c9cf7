"""Learning curves."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from edgesim.report import page
from edgesim.report.figures.base import Figure, Numbers
from edgesim.report.results import Results, labels

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

SPENT = {"spent_bits": "bits spent", "simulated_s": "simulated time [s]", "joules": "energy [J]"}


class Learning(Figure):
    """Accuracy on the test set over what was spent: bits, simulated seconds and joules; one curve a run."""

    many: ClassVar[bool] = True

    def numbers(self, runs: Sequence[Results]) -> Numbers:
        rows = []
        for label, run in zip(labels(runs), runs, strict=True):
            ledger = run.scenario.budget.ledger
            rows += [{"run": label, "ledger": ledger, **row} for row in run.evaluations.to_pylist()]
        return Numbers(rows)

    def draw(self, numbers: Numbers) -> "Picture":
        from matplotlib.figure import Figure as Picture

        picture = Picture(figsize=(page.PAGE, 2.4))
        places = picture.subplots(1, len(SPENT), sharey=True)
        names, ledgers = (list(dict.fromkeys(row[key] for row in numbers.rows)) for key in ("run", "ledger"))
        for place, (column, words) in zip(places, SPENT.items(), strict=True):
            for number, name in enumerate(names):
                mine = [row for row in numbers.rows if row["run"] == name]
                place.plot([row[column] for row in mine], [row["accuracy"] for row in mine], label=name, **page.line(number))
            place.set_xlabel(words)
        places[0].set(xlabel=f"bits spent, {' and '.join(ledgers)} ledger", ylabel="accuracy")
        page.legend(picture, places[0], 3)
        return picture
