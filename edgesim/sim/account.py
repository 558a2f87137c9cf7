"""Where one client's step spends its time."""

from collections import defaultdict

PHASES = ("forward", "encode", "wait", "uplink", "server", "downlink", "backward")


class Account:
    """The time of one client's current step, phase by phase; queueing is the phase `wait`.

    client  index of the client
    step    number of the current step, from 1; 0 before the first
    """

    def __init__(self, client: int) -> None:
        self.client = client
        self.step = 0
        self.started = 0.0
        self.seconds: dict[str, float] = defaultdict(float)

    def begin(self, now: float) -> None:
        """A new step begins at `now` [s]."""
        self.step += 1
        self.started = now
        self.seconds.clear()

    def add(self, phase: str, seconds: float) -> None:
        """`seconds` [s] of the current step went to `phase`."""
        self.seconds[phase] += seconds
