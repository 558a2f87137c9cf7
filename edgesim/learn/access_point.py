"""Merging where the payloads of several clients meet: ADC's first compression, across clients."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from edgesim.codecs.base import bits_for
from edgesim.codecs.parts.kmeans import kmeans, kmeans_flops
from edgesim.codecs.parts.merging import best_positions, label_shares
from edgesim.wire import Smashed

_ITERATIONS = 50  # of k-means at most; what is charged


@dataclass(frozen=True, slots=True)
class AccessPoint:
    """Merges samples of all clients whose attention is alike, of which each client has selected its tokens (`adc_tokens`).

    Samples are clustered by the attention they tell, 0 where a token was left behind; a cluster keeps the k places of highest
    mean attention, and each of its tokens is the mean over those members that sent it. A merged sample weighs as much as its
    members. The adjoint gives every member its share, so the gradients go down at their full size: what the merge saves is the
    server's work. (A place that no member sent is 0.)

    share    merged samples over samples, rounded down; two at least
    tokens   n, before selection
    classes  C
    """

    share: float
    tokens: int
    classes: int

    def rows(self, samples: int) -> int:
        """Merged samples of so many samples."""
        return min(samples, max(2, math.floor(self.share * samples)))

    def flops(self, samples: int, kept: int, width: int) -> float:
        """k-means at its most iterations, n ceil(log2 n) to rank each row, and 2 k d a sample for the mean and its adjoint."""
        rows = self.rows(samples)
        clustering = kmeans_flops(samples, self.tokens, rows, init="kmeans++", max_iter=_ITERATIONS)
        return clustering + rows * self.tokens * bits_for(self.tokens) + 2.0 * samples * kept * width

    def merged(self, arrived: Sequence[Smashed], generator: Generator) -> Smashed:
        """All samples that arrived, merged: x [T, k, d], labels [T, C], weight [T]."""
        told = [smashed for smashed in arrived if smashed.positions is not None and smashed.attention is not None]
        if len(told) < len(arrived):
            raise ValueError("an access point merges what adc_tokens sends; this codec does not tell where its tokens were")
        x, labels = torch.cat([smashed.x for smashed in told]), torch.cat([_hard(smashed) for smashed in told])
        places = torch.cat([_there(smashed.positions) for smashed in told])  # [B, k]
        scores = torch.cat([_there(smashed.attention) for smashed in told])
        keys = scores.new_zeros(len(x), self.tokens).scatter(1, places, scores)
        clusters = kmeans(keys, self.rows(len(x)), generator, init="kmeans++", max_iter=_ITERATIONS)
        kept = best_positions(clusters.centroids, x.shape[1])  # [T, k]
        values, sent = self._meant(x, places, kept[clusters.assignment])
        shape = (len(kept), x.shape[1])
        total = values.new_zeros(*shape, x.shape[2]).index_add(0, clusters.assignment, values)
        members = sent.new_zeros(shape).index_add(0, clusters.assignment, sent)
        weight = clusters.sizes / clusters.sizes.sum()
        mean = total / members.clamp_min(1.0)[:, :, None]
        return Smashed(mean, label_shares(labels, clusters.assignment, clusters.sizes, self.classes), weight=weight)

    def _meant(self, x: Tensor, places: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """Each sample's tokens at the places its cluster keeps, 0 where it sent none: [B, k, d]; and whether it did: [B, k]."""
        match = (wanted[:, :, None] == places[:, None, :]).to(x.dtype)  # [B, k, k]
        return match @ x, match.sum(2)


def _there(tensor: Tensor | None) -> Tensor:
    assert tensor is not None
    return tensor


def _hard(smashed: Smashed) -> Tensor:
    if smashed.labels is None or smashed.labels.dim() != 1:
        raise ValueError(
            "an access point merges samples with class numbers for labels; use an augmentation without soft labels"
        )
    return smashed.labels
