"""A message as packets: sending it, and finding which of its values were in the packets that are missing."""

from collections.abc import Sequence

import numpy as np

from edgesim.sim.lone import deliver_one
from edgesim.sim.packets import NONE, Chance, Repeat, deliver
from edgesim.sim.radio import Airtime, Fading, Radio
from edgesim.wire import Field


def carry(
    radio: Radio, bits: int, start_s: float, fading: Fading, chance: Chance, repeat: Repeat
) -> tuple[Airtime, np.ndarray]:
    """Send `bits` payload bits digitally from `start_s` [s] on. Gives the airtime and the numbers of the packets lost for good.

    Without losses in the air, a rate that follows the channel loses nothing: then no packet is looked at singly, unless what
    arrived may be sent again for want of an acknowledgement.
    """
    sender = radio.sender
    if bits == 0 or (sender.follows and chance.losses is None and not repeat.feedback_error):
        walked = radio.walk(bits, start_s, fading)
        return walked._replace(protected_packets=walked.packets) if repeat.for_ever else walked, NONE
    packets, sent = radio.packets(bits), None
    if packets == 1:
        sent = deliver_one(bits + radio.header_bits, start_s, fading, sender, chance, repeat)
    if sent is None:
        sent = deliver(radio.sizes(bits), start_s, fading, sender, chance, repeat)
    airtime = Airtime(
        seconds=sent.seconds,
        overhead_bits=sent.sent_bits - bits,
        symbols=radio.symbols(sum(on for on, _off in sent.bursts)),
        snr_db=sent.snr_db,
        packets=packets,
        protected_packets=packets if repeat.for_ever else 0,
        retransmissions=sent.sent - packets,
        lost_packets=len(sent.lost),
        bursts=sent.bursts,
    )
    return airtime, sent.lost


def erasures(fields: Sequence[Field], lost: np.ndarray, packet_bits: int) -> dict[str, np.ndarray]:
    """Which entries of each field have a bit in one of the packets `lost`; per name [count] bool, hit fields only.

    The fields fill the packets one after the other, in their order.
    """
    hit: dict[str, np.ndarray] = {}
    begin = 0
    for item in fields:
        end = begin + item.bits
        packets = lost[((lost + 1) * packet_bits > begin) & (lost * packet_bits < end)]
        if len(packets):
            first = np.maximum(packets * packet_bits - begin, 0) // item.bits_each
            last = -(-np.minimum((packets + 1) * packet_bits - begin, item.bits) // item.bits_each)
            missing = np.zeros(item.count, dtype=bool)
            for low, high in zip(first.tolist(), last.tolist(), strict=True):
                missing[low:high] = True
            hit[item.name] = missing
        begin = end
    return hit


def parted(fields: Sequence[Field], protect_side: bool) -> tuple[int, list[Field]]:
    """The bits of a message that must arrive, and the fields that may be harmed: the values, or all but a model."""
    exposed = [item for item in fields if item.role == "values" or not (protect_side or item.role == "model")]
    return sum(item.bits for item in fields) - sum(item.bits for item in exposed), exposed


def harmed_values(fields: Sequence[Field], entries: dict[str, int]) -> int:
    """How many entries of the fields with role `values` are harmed; `entries` gives the number for each field hit."""
    return sum(entries.get(item.name, 0) for item in fields if item.role == "values")
