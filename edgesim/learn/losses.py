"""The loss of everything that arrived together."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from edgesim.learn.models.base import ServerPart
from edgesim.wire import Smashed


def mean_loss(part: ServerPart, arrived: Sequence[Smashed]) -> Tensor:
    """Mean over all rows; rows of an arrival with weights share what falls to that arrival by those weights."""
    groups = [arrived] if len({smashed.x.shape[1:] for smashed in arrived}) == 1 else [[smashed] for smashed in arrived]
    shares = [_of_group(part, group) * (_rows(group) / _rows(arrived)) for group in groups]
    return shares[0] if len(shares) == 1 else torch.stack(shares).sum()


def _of_group(part: ServerPart, group: Sequence[Smashed]) -> Tensor:
    logits = part(_joined([smashed.x for smashed in group]))  # [rows, classes]
    labels = _joined([_labels(smashed) for smashed in group])
    if all(smashed.weight is None for smashed in group):
        return cross_entropy(logits, labels)
    weight = _joined([_weights(smashed) * (len(smashed.x) / _rows(group)) for smashed in group])  # sums to 1
    return weight @ cross_entropy(logits, labels, reduction="none")


def _labels(smashed: Smashed) -> Tensor:
    if smashed.labels is None:
        raise ValueError("smashed data arrived without labels; the uplink codec must send them")
    return smashed.labels


def _weights(smashed: Smashed) -> Tensor:
    if smashed.weight is not None:
        return smashed.weight
    return smashed.x.new_full((len(smashed.x),), 1.0 / len(smashed.x))


def _joined(tensors: Sequence[Tensor]) -> Tensor:
    return tensors[0] if len(tensors) == 1 else torch.cat(list(tensors))


def _rows(arrived: Sequence[Smashed]) -> int:
    return sum(len(smashed.x) for smashed in arrived)
