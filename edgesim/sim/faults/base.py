"""The interface of a fault: what fails, and when."""

import math

import numpy as np

from edgesim.sim.windows import Windows


class Fault:
    """What may fail: here nothing. One final subclass a file overrides what it is about; keyword-only parameters are its knobs.

    All of it is a function of the fault's seed, the client's number and absolute time or the round, of nothing else.

    seed  of its random streams
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def absences(self, client: int) -> Windows | None:
        """When a client's device is not there."""
        return None

    def outages(self, client: int, direction: str) -> Windows | None:
        """When a client's link of a direction, up or down, carries nothing."""
        return None

    def restarts(self) -> Windows | None:
        """When the server is down."""
        return None

    def capacity_j(self, client: int) -> float:
        """After how much energy a client's device is gone for good [J]."""
        return math.inf

    def dropouts(self, clients: int, number: int) -> np.ndarray | None:
        """Which of so many clients take no part in round `number`, [clients] bool."""
        return None
