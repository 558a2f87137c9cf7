"""What becomes of a run in which numbers are not finite: it ends with a report of where that began, or it counts them."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from edgesim.errors import RunError
from edgesim.rows import NonFinite, Step

Policy = Literal["stop", "skip", "guard"]
ADVICE = "lower optimiser.lr, raise the SNR, or go on with non_finite: skip, or guard; failure.json has the numbers"


class NotFiniteError(RunError):
    """Numbers are not finite. report: where that began."""

    def __init__(self, message: str, report: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.report = report


class Health:
    """Hears what every step met.

    policy  of the scenario
    hear    takes the rows of the table `non_finite`
    counts  values that became 0 (`replaced`) and steps that a half left out (`skipped`)
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.hear: Callable[[NonFinite], None] | None = None
        self.counts: Counter[str] = Counter()
        self._before: dict[int, Mapping[str, float]] = {}  # peaks of each client's step before

    def state(self) -> dict[str, Any]:
        """What it has heard of so far."""
        return {"counts": dict(self.counts), "before": [[client, dict(peaks)] for client, peaks in self._before.items()]}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up where `state` was taken."""
        self.counts, self._before = Counter(state["counts"]), dict(state["before"])

    def met(self, row: Step, replaced: Mapping[str, int], skipped: Iterable[str]) -> None:
        """A step in which values became 0 at some places, or halves left their weights as they were."""
        for place, values in replaced.items():
            self._tell(row, place, "replaced", values)
        halves = [*skipped]
        for half in halves:
            self._tell(row, half, "skipped", 0)
        self.counts["skipped"] += bool(halves)

    def passed(self, row: Step, peaks: Mapping[str, float]) -> None:
        """A step with its loss and the largest magnitude at each place. Raises NotFiniteError with `stop`."""
        if self.policy != "stop":
            return
        seen = peaks if math.isfinite(row.loss) or peaks else {"loss": row.loss}
        self.examine(row.step, row.client, row.end_s, seen)
        self._before[row.client] = peaks

    def examine(self, step: int, client: int, time_s: float, peaks: Mapping[str, float]) -> None:
        """Raises NotFiniteError where a peak is not finite."""
        place = next((name for name, peak in peaks.items() if not math.isfinite(peak)), None)
        if place is None:
            return
        if self.hear is not None:
            self.hear(NonFinite(step, client, time_s, place, "stopped", 0))
        raise NotFiniteError(
            f"numbers that are not finite at step {step} of client {client} (simulated {time_s:.6g} s), "
            f"first among the {place} ({peaks[place]}): {_cause(place)}; {ADVICE}",
            {
                "step": step,
                "client": client,
                "simulated_s": time_s,
                "first": place,
                "largest": dict(peaks),
                "largest_in_its_step_before": dict(self._before.get(client, {})),
            },
        )

    def looked(self, step: int, time_s: float, loss: float, weights: Callable[[], list[str]]) -> None:
        """A look at the test set. weights: names of those that are not finite. Raises NotFiniteError with `stop`."""
        if self.policy != "stop" or math.isfinite(loss):
            return
        spoilt = weights()
        first = f"weights ({len(spoilt)} tensors, {spoilt[0]} first)" if spoilt else "test loss"
        if self.hear is not None:
            self.hear(NonFinite(step, -1, time_s, "weights" if spoilt else "test loss", "stopped", 0))
        raise NotFiniteError(
            f"numbers that are not finite at the look at the test set after step {step}, first among the {first}: the last "
            f"update was too large; {ADVICE}",
            {"step": step, "simulated_s": time_s, "first": "weights" if spoilt else "test loss", "weights": spoilt},
        )

    def _tell(self, row: Step, place: str, action: Literal["replaced", "skipped"], values: int) -> None:
        self.counts["replaced"] += values
        if self.hear is not None:
            self.hear(NonFinite(row.step, row.client, row.end_s, place, action, values))


def _cause(place: str) -> str:
    """What can have made numbers not finite that were so at every place before."""
    if place.startswith("activations"):
        return "pictures are finite, so the client's weights, as its step before left them, are not or are too large"
    return {
        "values made by the uplink codec": "the codec made them of finite activations",
        "values received over the uplink": "the way made them of finite values",
        "loss": "what the model saw was finite, so its weights, as the step before left them, are not or are too large",
        "gradient at the server": "the loss is finite, its gradient is not: weights or values are too large",
        "gradient received over the downlink": "the downlink codec or the way made them of a finite gradient",
    }.get(place, "all before it was finite")
