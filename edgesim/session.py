"""The state of one run while it runs: the world, the evaluations, and what is told to whom."""

import contextlib
import gc
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

from edgesim import build, standing
from edgesim.learn.cargo import average
from edgesim.nonfinite import Health, NotFiniteError
from edgesim.record.recorder import Recorder
from edgesim.rows import Block, ClientTotal, Evaluation, Step
from edgesim.scenario import Scenario
from edgesim.sim.course import Watcher
from edgesim.summary import MOST_NAMED, StepTotals, client_totals, summarise
from edgesim.watch import Progress, Watch
from edgesim.wire import FLOAT_BITS

YOUNG_OBJECTS = 100_000  # new ones between two collections of a timing-only run; Python's own choice is 700
PROGRESS_S = 0.1  # wall seconds between two calls of the watcher, at least
QUICK_S = 0.003  # a call that takes longer is made the less often: it adds up what a hundred thousand devices have drawn
LARGE_BYTES = 16_000_000  # weights of models above this size are kept on request only: a sweep leaves hundreds of runs


class Session:
    """Builds the world of a scenario and runs it.

    timing_only  phantom halves: no tensors, no accuracy
    watch        is told how the run goes, or None

    between  called after each unit and its evaluation, where nothing is in flight: `state` may be asked then
    """

    def __init__(self, scenario: Scenario, *, timing_only: bool = False, watch: Watch | None = None) -> None:
        self.scenario = scenario
        self.started = time.monotonic()
        self.task = build.learning(scenario)
        self.cast = None if timing_only else build.torch_cast(scenario, self.task)
        self.world = build.world(scenario, self.task, self.cast)
        self._readings = self.cast.readings(self._learned) if self.cast is not None else None
        self.health = Health(scenario.non_finite)
        self.world.watch = self._step
        if self.cast is None:
            self.world.watch = Watcher(self._step, self._take_many)
        self._tells_once = build.one_off(self.task)
        self.evaluations: list[Evaluation] = []
        self._watch = watch
        self.between: Callable[[], None] | None = None
        self._recorder: Recorder | None = None
        self._totals = StepTotals()
        self._evaluation_bits = 0
        self.earlier: dict[str, Any] = {}  # of a fork: what had been sent, by direction and label, when codecs changed
        self.each: dict[int, float] = {}  # accuracy of each client's own halves at the latest look, where they differ
        every = scenario.evaluate.every_epochs
        self._every = max(1, round(every * self.task.steps_per_epoch)) if every else 0
        self._of_clients: dict[str, float] = {}
        self._looked = 0
        self._due = -math.inf  # when the watcher is told again [s of wall clock]
        self._loss: float | None = None
        self._to_stop = False  # in a flag of its own: a signal may come while the world works out `stopped_by`

    def attach(self, recorder: Recorder, trace: bool) -> None:
        """Give every row to `recorder`; the book's entries only with `trace`."""
        self._recorder = recorder
        self.world.ledger.listen(recorder.entry if trace else None, recorder.transfer, recorder.transfers)
        self.world.hear_round = recorder.round
        self.world.presence.hear = recorder.fault
        self.health.hear = recorder.non_finite

    def run(self) -> None:
        """Train until the budget is spent, settle the book and look at the test set a last time."""
        with _few_collections() if self.cast is None else contextlib.nullcontext():
            try:
                self._run()
            except NotFiniteError:
                raise
            except Exception:
                self._look_for_trouble()
                raise
            finally:
                self._tell_losses()

    def _run(self) -> None:
        if self._tells_once is not None and self.world.affords(self._tells_once):
            self.world.do(self._tells_once)
        self._tells_once = None
        while not self._to_stop and self.world.affords(self.task.protocol):
            self.world.do(self.task.protocol)
            if self._every and self.world.steps // self._every > self._looked:
                self._evaluate()
            elif time.monotonic() >= self._due:
                self._show()
            if self.between is not None and self.quiescent:
                self.between()
        if self.world.stopped_by is None:
            self.world.stop("interrupted")
            return  # the user is waiting
        if not self.evaluations or self.evaluations[-1].step < self.world.steps:
            self._evaluate()
        self._look_at_clients()
        self._show()

    @property
    def quiescent(self) -> bool:
        """Between two units: whether nobody's work goes on from one to the next (`late: carry`)."""
        return not self.world.presence.late

    def interrupt(self) -> None:
        """Stop after the step or, with a protocol in rounds, the round under way."""
        self._to_stop = True
        if self._watch is not None:
            self._watch.note("stopping after the step or round under way; interrupt again to stop at once")

    def _step(self, row: Step, loss: Any) -> None:
        if self.cast is None or self._readings is None:
            self._take(row)
        else:
            findings = self.cast.findings(row.client)
            self.health.met(row, findings.replaced, findings.skipped)
            self._readings.add(row, loss, self.cast.seen(row.client))

    def _learned(self, row: Step, peaks: dict[str, float]) -> None:
        """A step with its loss, which on an accelerator is told some steps later."""
        self._loss = row.loss
        self.health.passed(row, peaks)
        self._take(row)

    def _look_for_trouble(self) -> None:
        """Where what failed had met numbers that are not finite, raise NotFiniteError: that is the reason."""
        for client, peaks in self.cast.troubled() if self.cast is not None else ():
            self.health.examine(self.world.clients[client].account.step, client, self.world.ledger.now, peaks)

    def _tell_losses(self) -> None:
        """Complete the rows of all steps done."""
        if self._readings is not None:
            self._readings.flush()

    def _take_many(self, steps: Block) -> None:
        """Count and record steps of a timing-only run."""
        self._totals.extend(steps)
        if self._recorder is not None:
            self._recorder.steps(steps)

    def _take(self, row: Step) -> None:
        self._totals.add(row)
        if self._recorder is not None:
            self._recorder.step(row)

    def _evaluate(self) -> None:
        world = self.world
        self._tell_losses()
        self._looked = world.steps // self._every if self._every else 0
        if self.cast is None:
            return
        deployed = [client.number for client in self.task.protocol.deployed(world)]
        try:
            score, self.each = self.cast.examine(deployed, world.model)
        except Exception as error:
            error.add_note(f"while looking at the test set after step {world.steps}; all rows until then are kept")
            raise
        self.health.looked(world.steps, world.ledger.now, score.loss, self.cast.spoilt)
        row = Evaluation(
            step=world.steps,
            epoch=world.steps / world.steps_per_epoch,
            simulated_s=world.ledger.now,
            spent_bits=world.spent.bits,
            joules=world.ledger.joules,
            accuracy=score.accuracy,
            accuracy_batch_mean=score.accuracy_batch_mean,
            loss=score.loss,
            accuracy_codec=score.accuracy_codec,
        )
        self._evaluation_bits += score.bits
        self.evaluations.append(row)
        if self._recorder is not None:
            self._recorder.evaluation(row)
        self._show()

    def _look_at_clients(self) -> None:
        """Each client's own half with the server's, and the average of all halves by samples."""
        clients = self.world.clients
        if self.cast is None or not self.scenario.evaluate.clients or len(clients) == 1:
            return
        self.each = self.cast.examine(range(len(clients)), None).each
        halves, samples = [client.half.weights() for client in clients], [float(client.samples) for client in clients]
        mean = self.cast.examine([], average(halves, samples).value).score.accuracy
        found = self.each.values()
        self._of_clients = {
            "mean": sum(found) / len(found),
            "lowest": min(found),
            "highest": max(found),
            "of_average": mean,
        }

    def _show(self) -> None:
        if self._watch is None:
            self._due = math.inf
            return
        world, now = self.world, time.monotonic()
        spent = world.spent
        self._watch.progress(
            Progress(
                step=world.steps,
                budget_fraction=world.budget.fraction(spent),
                simulated_s=world.ledger.now,
                joules=spent.joules,
                accuracy=self.evaluations[-1].accuracy if self.evaluations else None,
                loss=self._loss,
                wall_s=now - self.started,
                epoch=world.steps / world.steps_per_epoch,
            )
        )
        shown = time.monotonic()
        self._due = shown + PROGRESS_S * max(1.0, (shown - now) / QUICK_S)

    def weights(self, *, large: bool) -> bytes | None:
        """The trained model as a file; None where nothing was trained or, unless `large`, where it would be a large one."""
        size = FLOAT_BITS // 8 * (self.task.geometry.client_parameters + self.task.geometry.server_parameters)
        if self.cast is None or (size > LARGE_BYTES and not large):
            return None
        deployed = [client.number for client in self.task.protocol.deployed(self.world)]
        return self.cast.weights(deployed, self.world.model)

    def clients(self) -> list[ClientTotal]:
        """What each client did and used, after `summary`."""
        return client_totals(self.world, self.each)

    def state(self) -> dict[str, Any]:
        """Everything that changes while it runs, where it is `quiescent`; completes the rows of all steps first."""
        self._tell_losses()
        return standing.state(self)

    def restore(self, state: dict[str, Any]) -> None:
        """Go on, with `run`, where `state` was taken. Raises UsageError where it does not fit the scenario."""
        standing.restore(self, state)

    def summary(self, status: str) -> dict[str, Any]:
        """summary.json; settles the book."""
        self.world.close()
        accuracies = [row.accuracy for row in self.evaluations]
        facts = summarise(self.world, self.task.exchange, self.task.batch, self._totals, self.earlier)
        facts["bits"]["evaluation"] = self._evaluation_bits
        if 1 < len(self.world.clients) <= MOST_NAMED:
            facts["clients"] = [row._asdict() for row in self.clients()]
        return {
            "status": status,
            "accuracy": accuracies[-1] if accuracies else None,
            "accuracy_best": max(accuracies, default=None),
            "accuracy_codec": _known(self.evaluations[-1].accuracy_codec) if self.evaluations else None,
            "loss": self.evaluations[-1].loss if self.evaluations else None,
            **({"accuracy_clients": self._of_clients} if self._of_clients else {}),
            "non_finite": {"replaced": self.health.counts["replaced"], "skipped": self.health.counts["skipped"]},
            "wall_s": time.monotonic() - self.started,
            **facts,
        }


@contextlib.contextmanager
def _few_collections() -> Iterator[None]:
    """While it lasts, the garbage collector looks at new objects only, and seldom: a simulated city is large and no garbage.

    Not where there are tensors: what it would find then may be large.
    """
    seldom, before = (YOUNG_OBJECTS, 10, 10), gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*seldom)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
