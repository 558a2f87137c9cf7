"""Who chooses the size of a client's messages, where its codec comes in several."""

from edgesim.build.learning import Learning
from edgesim.codecs.adaptive import Adaptive
from edgesim.codecs.exchange import Exchange
from edgesim.sim.ledger import Ledger
from edgesim.sim.link import Link
from edgesim.sim.pilot import Pilot, Power, Punctual, Size, Thrifty
from edgesim.sim.world import Client
from edgesim.wire import LedgerName


def pilot(task: Learning, counted: LedgerName, client: Client, ledger: Ledger) -> Pilot | None:
    """A pilot of one client; None where there is nothing to choose.

    counted  the ledger whose bits the budget counts
    """
    codec = task.exchange.up
    if not isinstance(codec, Adaptive):
        return None
    sizes = [_size(pair, task.batch, counted) for pair in task.exchange.settings]
    if codec.step_s is not None:
        return Punctual(sizes, codec.step_s, codec.share)
    assert codec.steps is not None
    power = Power(sum(meter.base_w for meter in ledger.meters), _added_w(client.uplink), _added_w(client.downlink))
    return Thrifty(sizes, codec.steps, power)


def _added_w(link: Link) -> float:
    """What both ends of a link draw while it is in use, above what they draw anyway [W]."""
    return link.sender.sending.watts + link.receiver.receiving.watts


def _size(pair: Exchange, batch: int, counted: LedgerName) -> Size:
    up, down = pair.up_manifest(batch), pair.down_manifest(batch)
    charged = {"paper": up.paper_bits + down.paper_bits, "code": up.code_bits + down.code_bits, "wire": up.bits + down.bits}
    return Size(up.bits, down.bits, charged[counted])
