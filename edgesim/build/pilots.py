"""Who chooses the size of a client's messages, where its codec comes in several."""

from edgesim.build.learning import Learning
from edgesim.codecs.adaptive import Adaptive
from edgesim.codecs.exchange import Exchange
from edgesim.sim.pilot import Pilot, Punctual, Size, Thrifty
from edgesim.wire import LedgerName


def pilot(task: Learning, ledger: LedgerName) -> Pilot | None:
    """A pilot of one client; None where there is nothing to choose.

    ledger  whose bits the budget counts
    """
    codec = task.exchange.up
    if not isinstance(codec, Adaptive):
        return None
    sizes = [_size(pair, task.batch, ledger) for pair in task.exchange.settings]
    if codec.step_s is not None:
        return Punctual(sizes, codec.step_s, codec.share)
    assert codec.steps is not None
    return Thrifty(sizes, codec.steps)


def _size(pair: Exchange, batch: int, ledger: LedgerName) -> Size:
    up, down = pair.up_manifest(batch), pair.down_manifest(batch)
    charged = {"paper": up.paper_bits + down.paper_bits, "code": up.code_bits + down.code_bits, "wire": up.bits + down.bits}
    return Size(up.bits, down.bits, charged[ledger])
