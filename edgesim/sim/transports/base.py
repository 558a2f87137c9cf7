"""The interface of a transport: what a message costs in the air, and whether its values are touched there."""

import sys
from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import numpy as np

from edgesim.sim.packets import LUCK, Chance
from edgesim.sim.radio import Airtime, Fading, Radio
from edgesim.wire import Manifest

Harm = Literal["none", "noise", "erasures", "flips"]


class Transport(ABC):
    """How messages use the radio. Abstract: one final subclass a file; keyword-only parameters are its knobs."""

    analog: ClassVar[bool] = False  # values travel as symbols and arrive distorted
    harm: ClassVar[Harm] = "none"  # what may befall values: noise and fading, missing packets, wrong bits

    def __init__(self, radio: Radio) -> None:
        self.radio = radio

    @abstractmethod
    def plan(self, manifest: Manifest, start_s: float, fading: Fading, chance: Chance = LUCK) -> Airtime:
        """Airtime of one message that starts at `start_s` [s]; a pure function of its arguments."""

    def steady(self, chance: Chance) -> bool:
        """Whether equal messages take the same, whenever they begin, over links of one SNR that never changes."""
        return False

    def sure(self, manifest: Manifest) -> int:
        """How many packets of a message, the first ones, a medium must not give up: here all, those that are repeats too."""
        return sys.maxsize

    def without(self, manifest: Manifest, airtime: Airtime, packets: np.ndarray) -> Airtime:
        """The airtime of a message some `packets` [n] int of which the medium gave up; never the ones that are sure."""
        raise ValueError(f"{type(self).__name__} cannot do without packets {packets}")
