"""What U-shaped halves send and compute, without tensors."""

from typing import NamedTuple

from edgesim.codecs.exchange import Exchange
from edgesim.learn.flops import Costs
from edgesim.wire import FLOAT_BITS, Field, Manifest


def unlabelled(manifest: Manifest) -> Manifest:
    """A message without its labels. The published charges are for messages with labels, and stay as they are."""
    fields = tuple(item for item in manifest.fields if item.role != "labels")
    return Manifest(fields, manifest.paper_bits, manifest.code_bits)


def features_manifest(rows: int, width: int) -> Manifest:
    """What the head takes, or its gradient: real numbers as they are."""
    item = Field("values", (rows, width), FLOAT_BITS, "values", analog=True)
    return Manifest((item,), item.bits, item.bits)


class Shares(NamedTuple):
    """Who computes what in a U-shaped step [FLOP]."""

    server_forward: float
    head: float
    server_backward: float


def shares(exchange: Exchange, costs: Costs, batch: int) -> Shares:
    """FLOPs of the server's two visits and of the head's forward and backward pass between them."""
    rows, tokens, _width = exchange.up.decoded(batch)
    (forward, backward), codec = costs.server(tokens), exchange.flops(batch)
    ahead, back = costs.head
    return Shares(
        rows * (forward - ahead) + codec.decode_up,
        rows * (ahead + back),
        rows * (backward - back) + codec.encode_down,
    )
