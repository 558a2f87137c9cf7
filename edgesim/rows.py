"""The rows of the result tables. Time and record share these names; neither knows the other."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np


class Names(NamedTuple):
    """A column of texts of which there are few: all of them, and which of them each row has, [rows] int."""

    texts: "Sequence[str]"
    which: "np.ndarray"


class Block(NamedTuple):
    """Many rows at once, column by column in the order of their type: arrays, [rows]."""

    columns: "tuple[np.ndarray | Names, ...]"
    rows: int


class Entry(NamedTuple):
    """One stretch of one device's time in which its power did not change: a line of the book."""

    start_s: float
    end_s: float
    actor: str
    phase: str  # what the device was doing: forward, encode, uplink, server, downlink, backward, idle
    state: str  # the power state: compute, tx, rx, their sums (compute+rx), or idle
    watts: float
    joules: float


class Transfer(NamedTuple):
    """One message over one link."""

    start_s: float
    end_s: float
    direction: str  # up, down
    sender: str
    receiver: str
    label: str
    client: int
    step: int
    values_bits: int
    side_bits: int
    labels_bits: int
    model_bits: int
    overhead_bits: int  # headers, retransmissions
    paper_bits: float
    code_bits: float
    symbols: int  # complex channel uses
    snr_db: float  # time-averaged over the transfer; inf for an ideal channel
    packets: int
    protected_packets: int  # of them: sent again until they arrive; the others may be lost for good
    retransmissions: int
    lost_packets: int
    corrupted_values: int
    wait_s: float  # queueing for the medium before start_s
    delivered: bool = True  # False: cut short; what had been on air is overhead, and of no other use


class Step(NamedTuple):
    """One training step of one client; its phases tile [start_s, end_s]."""

    step: int
    client: int
    epoch: int
    start_s: float
    end_s: float
    forward_s: float
    encode_s: float
    wait_s: float
    uplink_s: float
    server_s: float
    downlink_s: float
    backward_s: float
    energy_j: float  # of the client's device since its previous step
    loss: float
    # what became of the wire tensor and its gradient (edgesim/learn/trip.py); NaN where nothing is computed or nothing is cut
    uplink_error: float = math.nan  # of the wire tensor as received, relative to as sent
    gradient_norm: float = math.nan  # of the loss by the wire tensor, before the downlink codec
    downlink_error: float = math.nan  # of that gradient as received, relative to before the codec
    cut_gradient_norm: float = math.nan  # of the loss by the activations at the cut


class Round(NamedTuple):
    """One round of a protocol that has rounds: from its first activity to its last."""

    round: int  # from 1
    start_s: float
    end_s: float
    clients: int  # that were chosen
    finished: int  # of them, in time
    late: int  # of them: not done at the deadline
    failed: int  # of them: gone before they were done


class Fault(NamedTuple):
    """Something failed: a client was gone or late, a link or the server was down."""

    time_s: float
    client: int  # -1: the server
    kind: str  # of fault; outage_up, outage_down; late
    until_s: float  # inf: for good


class NonFinite(NamedTuple):
    """Numbers that were not finite, and what was done about them."""

    step: int
    client: int  # -1: found when looking at the test set
    time_s: float  # when the step ended
    place: str  # where, or the half that left its weights as they were: client or server
    action: str  # replaced by 0, skipped, stopped
    values: int  # that became 0


class ClientTotal(NamedTuple):
    """What one client did and used in a whole run."""

    client: int
    samples: int  # training samples it holds
    steps: int
    bits_up: int  # on the wire, headers and repeats included
    bits_down: int
    joules: float
    accuracy: float | None  # of its own halves at the latest look; None where the model is common to all


class Evaluation(NamedTuple):
    """One look at the test set, outside simulated time unless the scenario says otherwise."""

    step: int
    epoch: float
    simulated_s: float
    spent_bits: float
    joules: float
    accuracy: float  # sample-weighted
    accuracy_batch_mean: float  # unweighted mean over batches, as the published code reports it
    loss: float
    accuracy_codec: float = math.nan  # with the codec on, where a second look is asked for


class Holding(NamedTuple):
    """One training image of one client."""

    client: int
    image: int  # place in the training set
