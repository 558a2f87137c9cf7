"""Digital transport that delivers: the channel costs time and energy, values arrive intact."""

from edgesim.sim.radio import Airtime, Fading
from edgesim.sim.transports.base import Transport
from edgesim.wire import Manifest


class Reliable(Transport):
    """Every bit arrives; the rate follows the channel (capacity with a gap and a cap).

    The sender knows the channel and codes at its instantaneous rate, block by block, so nothing is lost and a fade costs time.
    """

    def plan(self, manifest: Manifest, start_s: float, fading: Fading) -> Airtime:
        return self.radio.walk(manifest.bits, start_s, fading)
