"""The interface of a transport: what a message costs in the air, and whether its values are touched there."""

from abc import ABC, abstractmethod
from typing import ClassVar

from edgesim.sim.radio import Airtime, Fading, Radio
from edgesim.wire import Manifest


class Transport(ABC):
    """How messages use the radio. Abstract: one final subclass a file; keyword-only parameters are its knobs."""

    analog: ClassVar[bool] = False  # values travel as symbols and arrive distorted

    def __init__(self, radio: Radio) -> None:
        self.radio = radio

    @abstractmethod
    def plan(self, manifest: Manifest, start_s: float, fading: Fading) -> Airtime:
        """Airtime of one message that starts at `start_s` [s]; a pure function of its arguments."""
