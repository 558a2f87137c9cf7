"""Digital transport that gives up: what is lost after the last attempt is missing at the receiver."""

from dataclasses import replace
from typing import Annotated, ClassVar, Literal

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

    attempts      times a packet is sent at most
    combining     `none` (ARQ), `chase` or `ir` (hybrid ARQ, phy.md 7)
    round_trip_s  from the end of a burst of packets to the first repeat [s]
    fill          in place of missing values: `zero` (for codes, the middle one), or `last`, the one before them in the message
    protect_side  false: side information and labels may be lost like values
    """

    harm: ClassVar[Harm] = "erasures"

    def __init__(
        self,
        radio: Radio,
        *,
        attempts: Annotated[int, "[1, 64]"] = 1,
        combining: Literal["none", "chase", "ir"] = "none",
        round_trip_s: Annotated[float, "[0, inf)"] = 0.0,
        fill: Literal["zero", "last"] = "zero",
        protect_side: bool = True,
    ) -> None:
        super().__init__(radio)
        self.fill = fill
        self._repeat = Repeat(attempts, combining, round_trip_s=round_trip_s)
        self._protect_side = protect_side

    def plan(self, manifest: Manifest, start_s: float, fading: Fading, chance: Chance = LUCK) -> Airtime:
        kept, exposed = parted(manifest.fields, self._protect_side)
        first, _ = carry(self.radio, kept, start_s, fading, chance, replace(self._repeat, for_ever=True))
        bits = sum(item.bits for item in exposed)
        values, lost = carry(self.radio, bits, start_s + first.seconds, fading, chance, self._repeat)
        if len(lost):
            erased = erasures(exposed, lost, self.radio.packet_bits)
            missing = harmed_values(exposed, {name: int(mask.sum()) for name, mask in erased.items()})
            values = values._replace(erased=erased, corrupted_values=missing)
        return first.then(values)
