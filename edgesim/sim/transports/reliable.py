"""Digital transport that delivers: the channel costs time and energy, values arrive intact."""

from typing import Annotated, Literal

from edgesim.sim.framing import carry
from edgesim.sim.packets import LUCK, Chance, Repeat
from edgesim.sim.radio import Airtime, Fading, Radio
from edgesim.sim.transports.base import Transport
from edgesim.wire import Manifest


class Reliable(Transport):
    """Every bit arrives; packets that are lost are sent again until they do.

    With the radio's default rate (capacity with a gap and a cap, followed block by block) only packets that the channel loses
    by itself (erasure, gilbert_elliott) are repeated; with fixed or late-chosen rates also those whose SNR did not suffice.
    Repeats go out under the channel as it is then; they count as overhead.

    attempts        attempts at a packet that the receiver combines before it begins anew
    combining       `none` (ARQ), `chase` or `ir` (hybrid ARQ)
    round_trip_s    from the end of a burst of packets to the first repeat [s]
    feedback_error  how often an acknowledgement is taken for its opposite: what arrived is sent once more, and what did not is
                    asked for after everything else by the layer above, which misses it
    """

    def __init__(
        self,
        radio: Radio,
        *,
        attempts: Annotated[int, "[1, 64]"] = 4,
        combining: Literal["none", "chase", "ir"] = "none",
        round_trip_s: Annotated[float, "[0, inf)"] = 0.0,
        feedback_error: Annotated[float, "[0, 0.5]"] = 0.0,
    ) -> None:
        super().__init__(radio)
        self._repeat = Repeat(attempts, combining, for_ever=True, round_trip_s=round_trip_s, feedback_error=feedback_error)

    def steady(self, chance: Chance) -> bool:
        return self.radio.sender.follows and chance.losses is None and not self._repeat.feedback_error

    def plan(self, manifest: Manifest, start_s: float, fading: Fading, chance: Chance = LUCK) -> Airtime:
        return carry(self.radio, manifest.bits, start_s, fading, chance, self._repeat)[0]
