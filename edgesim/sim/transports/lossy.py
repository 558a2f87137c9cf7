"""Digital transport that gives up: what is lost after the last attempt is missing at the receiver."""

from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import numpy as np

from edgesim.sim.framing import carry, erasures, harmed_values, parted
from edgesim.sim.packets import LUCK, Chance, Repeat
from edgesim.sim.radio import Airtime, Fading, Radio
from edgesim.sim.transports.base import Harm, Transport
from edgesim.wire import Manifest


class Lossy(Transport):
    """Packets are lost after the last attempt, and the values in them with them.

    Side information and labels go first and are repeated until they arrive; then the values, `attempts` times at most. A value
    with any bit in a lost packet is missing; the receiver puts something in its place. A missing value has no influence, so the
    gradient that the server returns for it is zero, as is a gradient that is missing on the way back.

    attempts        times a packet is sent at most
    combining       `none` (ARQ), `chase` or `ir` (hybrid ARQ)
    round_trip_s    from the end of a burst of packets to the first repeat [s]
    feedback_error  how often an acknowledgement is taken for its opposite: what arrived is sent once more, and what did not is
                    lost, p f (1 - q^(M-1))/(1 - q) + p q^(M-1) with q = p (1 - f) in place of p^M
    fill            in place of missing values: `zero` (for codes, the middle one), or `last`, the one before in the message
    protect_side    false: side information and labels may be lost like values
    """

    harm: ClassVar[Harm] = "erasures"

    def __init__(
        self,
        radio: Radio,
        *,
        attempts: Annotated[int, "[1, 64]"] = 1,
        combining: Literal["none", "chase", "ir"] = "none",
        round_trip_s: Annotated[float, "[0, inf)"] = 0.0,
        feedback_error: Annotated[float, "[0, 0.5]"] = 0.0,
        fill: Literal["zero", "last"] = "zero",
        protect_side: bool = True,
    ) -> None:
        super().__init__(radio)
        self.fill = fill
        self._repeat = Repeat(attempts, combining, round_trip_s=round_trip_s, feedback_error=feedback_error)
        self._protected = replace(self._repeat, for_ever=True)
        self._protect_side = protect_side

    def steady(self, chance: Chance) -> bool:
        return self.radio.sender.follows and chance.losses is None and not self._repeat.feedback_error

    def plan(self, manifest: Manifest, start_s: float, fading: Fading, chance: Chance = LUCK) -> Airtime:
        kept, exposed = parted(manifest.fields, self._protect_side)
        first, _ = carry(self.radio, kept, start_s, fading, chance, self._protected)
        bits = sum(item.bits for item in exposed)
        values, lost = carry(self.radio, bits, start_s + first.seconds, fading, chance, self._repeat)
        if len(lost):
            erased = erasures(exposed, lost, self.radio.packet_bits)
            missing = harmed_values(exposed, {name: int(np.count_nonzero(mask)) for name, mask in erased.items()})
            values = values._replace(erased=erased, corrupted_values=missing)
        return first.then(values)

    def sure(self, manifest: Manifest) -> int:
        kept, exposed = parted(manifest.fields, self._protect_side)
        return self.radio.packets(kept) if exposed else super().sure(manifest)

    def without(self, manifest: Manifest, airtime: Airtime, packets: np.ndarray) -> Airtime:
        _kept, exposed = parted(manifest.fields, self._protect_side)
        count = self.radio.packets(sum(item.bits for item in exposed))
        lost = np.unique(packets) - self.sure(manifest)
        lost = lost[lost < count]  # the others are repeats of packets whose fate is told already
        erased = dict(airtime.erased or {})
        for name, mask in erasures(exposed, lost, self.radio.packet_bits).items():
            erased[name] = mask | erased.get(name, False)
        missing = harmed_values(exposed, {name: int(np.count_nonzero(mask)) for name, mask in erased.items()})
        gone = min(count, airtime.lost_packets + len(lost))  # some may be among both
        return airtime._replace(erased=erased, corrupted_values=missing, lost_packets=gone)
