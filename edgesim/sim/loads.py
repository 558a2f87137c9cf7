"""A message in a shared medium: what a link brings there, and what its airtime has become when it comes out."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from edgesim.sim.discipline import Load
from edgesim.sim.ledger import Charge
from edgesim.sim.radio import Airtime, Fading, Radio
from edgesim.sim.track import Track
from edgesim.sim.transports.base import Transport
from edgesim.wire import Manifest


def loads(
    transport: Transport,
    manifest: Manifest,
    airtime: Airtime,
    fading: Fading,
    phase: str,
    client: int,
    charges: tuple[Charge, Charge],
) -> list[tuple[Load, float]]:
    """The bursts of an airtime, each with the silence after it [s]; packets are spread evenly over the time on air."""
    on_air = sum(sending for sending, _silent in airtime.spans)
    packet_s = on_air / max(1, airtime.packets + airtime.retransmissions)
    bits = (manifest.bits + airtime.overhead_bits) / (on_air or 1.0)  # a second
    speed = partial(rate, transport.radio, fading)
    sure, made = transport.sure(manifest), []
    for sending, silent in airtime.spans:
        packets = max(1, round(sending / packet_s))
        made.append((Load(phase, client, sending, packets, sure, *charges, bits * sending, speed), silent))
        sure = max(0, sure - packets)
    return made


def rate(radio: Radio, fading: Fading, times: np.ndarray) -> np.ndarray:
    """Bits per second that the link carries at each of some instants, ascending [n]."""
    track = Track(fading, float(times[0]))
    track.reach(float(times[-1]))
    block = np.maximum(np.searchsorted(track.edges, times, side="right") - 1, 0)
    bits: np.ndarray = radio.efficiency(track.snr)[block] * radio.bandwidth_hz
    return bits


def became(transport: Transport, manifest: Manifest, airtime: Airtime, through: Sequence[Load]) -> Airtime:
    """An airtime after the medium: what was sent again counts, and what was given up is missing."""
    repeats = sum(load.repeats for load in through)
    first, dropped = 0, []
    for load in through:
        dropped += [first + number for number in load.dropped]
        first += load.packets
    if not repeats and not dropped:
        return airtime
    again = repeats / max(1, airtime.packets + airtime.retransmissions)
    airtime = airtime._replace(
        overhead_bits=airtime.overhead_bits + round(again * (manifest.bits + airtime.overhead_bits)),
        symbols=airtime.symbols + round(again * airtime.symbols),
        retransmissions=airtime.retransmissions + round(repeats),
    )
    return transport.without(manifest, airtime, np.array(dropped, dtype=np.int64)) if dropped else airtime
