"""Where one client's step spends its time."""

PHASES = ("forward", "encode", "wait", "uplink", "server", "downlink", "backward")
NOTHING: dict[str, float] = {}  # common to all who have spent none: of a hundred thousand clients few are within a step


class Account:
    """The time of one client's current step, phase by phase; queueing is the phase `wait`.

    client   index of the client
    step     number of the current step, from 1; 0 before the first
    seconds  of the current step by phase, those that took any [s]
    """

    __slots__ = ("client", "seconds", "started", "step")

    def __init__(self, client: int) -> None:
        self.client = client
        self.step = 0
        self.started = 0.0
        self.seconds = NOTHING

    def begin(self, now: float) -> None:
        """A new step begins at `now` [s]."""
        self.step += 1
        self.started = now
        self.seconds = NOTHING

    def add(self, phase: str, seconds: float) -> None:
        """`seconds` [s] of the current step went to `phase`."""
        if self.seconds is NOTHING:
            self.seconds = {}
        self.seconds[phase] = self.seconds.get(phase, 0.0) + seconds

    def by_phase(self) -> tuple[float, ...]:
        """Seconds in the order of PHASES [s]."""
        seconds = self.seconds
        return tuple([seconds.get(phase, 0.0) for phase in PHASES])
