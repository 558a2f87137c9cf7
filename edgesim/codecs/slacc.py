"""SL-ACC: channels grouped by their entropy, each group with a width of its own."""

import math
from typing import Annotated, Literal

import torch
from torch import Generator, Tensor
from torch.nn.functional import softmax

from edgesim.codecs.base import Codec, Cut, Peek, Ratios, bits_for
from edgesim.codecs.parts.frames import from_bits, to_bits
from edgesim.codecs.parts.grids import MAX_WIDTH, WIDTH_BITS, check_finite, grid_codes, grid_values
from edgesim.codecs.parts.kmeans import kmeans, kmeans_flops
from edgesim.codecs.parts.knobs import one_of, whole, within
from edgesim.codecs.parts.levels import shifted_widths
from edgesim.codecs.parts.precision import widen
from edgesim.wire import FLOAT_BITS, Below, Field, Manifest, Payload, Smashed

Entropy = Literal["histogram", "softmax"]
BINS = 256
ITERATIONS = 50


class SLACC(Codec):
    """SL-ACC: channels are grouped by entropy, and the more a group tells the more bits its values get.

    Reconstruction from the published abstract; details are this project's choice (compression.md 2.9).
    A channel c is a position on the last axis, with M values over samples and tokens. Its entropy H_c = -sum p log2 p is that
    of a histogram or a softmax of its values, blended with earlier steps, H <- memory H_before + (1 - memory) H (in place of a
    mean over a window). k-means in one dimension makes groups; group j with mean entropy H_j gets
        b_j = round(b_min + (b_max - b_min) (H_j - H_min) / (H_max - H_min))
    bits a value on a uniform grid between the group's least and greatest value; with 0 bits its mean arrives. With `xi` all b_j
    are shifted alike until the message has that size, within 0 to 15; without, its size depends on the data and b_max bounds
    it. Rounding is straight-through: the answer is dl/dX in full, unless the downlink has this codec too, with entropies of
    its own. At evaluation, earlier steps are used and not updated.
    Ledgers: paper and code charge the message's bits (without `xi`: b_max a value), labels aside, over those of 32-bit values.

    xi        bits of this direction's message, side information included, over 32 bits a value; a batch too short for its
              side information takes more, and more than 15 bits a value are never sent
    groups    groups of channels, at most as many as channels
    bits_min  of the group of least entropy, before any shift
    bits_max  of the group of greatest entropy, before any shift
    entropy   `histogram` of 256 bins over the range of all channels, or `softmax` of values over their standard deviation
    memory    weight of earlier steps in the entropy; they are kept by the sender

    >>> from edgesim.codecs.base import Cut
    >>> SLACC(Cut((197, 192)), xi=0.125).manifest(64).by_role
    {'values': 9670336, 'side': 656, 'labels': 0, 'model': 0}
    """

    integer_values = True
    fixed_size = False  # without `xi`
    reconstruction = True
    history: Tensor

    def __init__(
        self,
        cut: Cut,
        *,
        xi: Annotated[float, "(0, 1]"] | None = None,
        groups: Annotated[int, "[1, 256]"] = 4,
        bits_min: Annotated[int, "[0, 15]"] = 2,
        bits_max: Annotated[int, "[1, 15]"] = 8,
        entropy: Entropy = "histogram",
        memory: Annotated[float, "[0, 1)"] = 0.5,
    ) -> None:
        super().__init__(cut)
        whole("[1, 256]", groups=groups)
        whole("[0, 15]", bits_min=bits_min)
        whole("[1, 15]", bits_max=bits_max)
        within("[0, 1)", memory=memory)
        one_of(entropy=(entropy, Entropy))
        self.channels = cut.item[-1]
        if bits_min > bits_max:
            raise ValueError(f"bits_min must be at most bits_max, got {bits_min} and {bits_max}")
        if xi is not None:
            within("(0, 1]", xi=xi)
            if xi * FLOAT_BITS * self.channels < 1.0:
                raise ValueError(f"xi must be at least {1 / (FLOAT_BITS * self.channels):.2g}, one bit a token, got {xi}")
        self.xi, self.groups = xi, min(groups, self.channels)
        self.bits_min, self.bits_max, self.entropy, self.memory = bits_min, bits_max, entropy, memory
        self.fixed_size = xi is not None
        self.register_buffer("history", torch.full((self.channels,), math.nan))  # NaN: no step yet

    # -- sizes --------------------------------------------------------------------------------------------------------

    @property
    def item(self) -> tuple[int, ...]:
        return self.cut.item

    def _side_fields(self) -> tuple[Field, ...]:
        return (
            Field("groups", (self.channels,), bits_for(self.groups), "side", form=Below(self.groups)),
            Field("widths", (self.groups,), WIDTH_BITS, "side"),
            Field("ranges", (self.groups, 2), FLOAT_BITS, "side"),
        )

    def _tokens(self, batch: int) -> int:
        """M, the values of a channel."""
        return batch * self.cut.features // self.channels

    def _frame(self, batch: int) -> int:
        """Most bits of a token's codes: what xi leaves beside the side information."""
        if self.xi is None:
            return self.bits_max * self.channels
        budget = self.xi * FLOAT_BITS * batch * self.cut.features - sum(item.bits for item in self._side_fields())
        return min(max(1, int(budget) // self._tokens(batch)), MAX_WIDTH * self.channels)

    def manifest(self, batch: int) -> Manifest:
        return self._manifest(batch, self._frame(batch))

    def arriving(self, batch: int, peek: Peek) -> Manifest:
        if self.fixed_size:
            return self.manifest(batch)
        groups, widths, _ranges = peek(self._side_fields())
        return self._manifest(batch, int(widths[groups].sum()))

    def _manifest(self, batch: int, frame: int) -> Manifest:
        values = Field("values", (self._tokens(batch), frame), 1, "values")
        charge = self.cut.base_bits(batch) * self.ratios(batch).paper_up
        return Manifest((values, *self._side_fields(), *self.cut.label_fields(batch)), charge, charge)

    def ratios(self, batch: int) -> Ratios:
        bits = self._tokens(batch) * self._frame(batch) + sum(item.bits for item in self._side_fields())
        up = bits / (FLOAT_BITS * batch * self.cut.features)
        return Ratios(up, 1.0, up, 1.0)

    def flops(self, batch: int) -> tuple[float, float]:
        """A value takes 5 for its entropy (its bin; or its exponential, sum and logarithm), 2 for ranges, 5 for its code and
        2 a bit; to decode 2, and 2 a bit. k-means at `ITERATIONS` iterations."""
        values, bits = float(batch * self.cut.features), float(self._tokens(batch) * self._frame(batch))
        grouping = kmeans_flops(self.channels, 1, self.groups, init="kmeans++", max_iter=ITERATIONS)
        return 12.0 * values + 2.0 * bits + grouping, 2.0 * values + 2.0 * bits

    # -- tensors ------------------------------------------------------------------------------------------------------

    def encode(self, smashed: Smashed, generator: Generator) -> Payload:
        """See `Codec.encode`. Raises RunError where values are not finite."""
        wire = widen(smashed.x)
        x = wire.detach().float().reshape(-1, self.channels)  # [M, d]
        check_finite("slacc", x)
        entropies = self._blended(x)
        groups = self._grouped(entropies, generator)
        sizes = groups.bincount(minlength=self.groups)
        widths = self._widths(entropies, groups, sizes, self._frame(len(wire)))
        ranges = _group_ranges(x, groups, sizes, widths)
        each = widths[groups]
        frame = self._frame(len(wire)) if self.fixed_size else int(each.sum())
        codes = grid_codes(x, ranges[groups, 0], ranges[groups, 1], each)
        tensors = {"values": to_bits(codes, each, frame), "groups": groups, "widths": widths, "ranges": ranges}
        return Payload(self._manifest(len(wire), frame), tensors | self.cut.label_tensors(smashed.labels), handle=wire)

    def _blended(self, x: Tensor) -> Tensor:
        """Entropy of each channel with what is remembered, [d]; remembers it while training."""
        fresh = channel_entropies(x, self.entropy)
        blended = torch.where(self.history.isnan(), fresh, self.memory * self.history + (1.0 - self.memory) * fresh)
        if self.training:
            self.history.copy_(blended)
        return blended

    def _grouped(self, entropies: Tensor, generator: Generator) -> Tensor:
        """The group of each channel, [d] int64."""
        keys = entropies[:, None]
        found = kmeans(keys, self.groups, generator, init="kmeans++", max_iter=ITERATIONS, tol=0.0)
        return found.assignment

    def _widths(self, entropies: Tensor, groups: Tensor, sizes: Tensor, frame: int) -> Tensor:
        """Bits of a value of each group, [groups] int64; 0 for groups that have no channels."""
        totals = torch.zeros_like(sizes, dtype=torch.float64).index_add_(0, groups, entropies.double())
        used = sizes > 0
        means = totals / sizes.clamp_min(1)
        low, high = means[used].min(), means[used].max()
        place = torch.where(high > low, (means - low) / (high - low), 1.0).clamp(0.0, 1.0)
        wanted = self.bits_min + (self.bits_max - self.bits_min) * place
        widths = shifted_widths(wanted, sizes, frame) if self.fixed_size else wanted.round().long()
        return widths * used

    def receive(self, payload: Payload) -> Tensor:
        tensors = payload.tensors
        groups = tensors["groups"]
        ranges, widths = tensors["ranges"][groups], tensors["widths"][groups]
        values = grid_values(from_bits(tensors["values"], widths), ranges[:, 0], ranges[:, 1], widths)
        return values.reshape(-1, *self.item)

    def expand(self, wire: Tensor, payload: Payload) -> Smashed:
        return Smashed(wire, payload.tensors.get("labels"))


def channel_entropies(x: Tensor, entropy: Entropy) -> Tensor:
    """Entropy of each column of x [M, d] in bits, [d]: at most log2 256 of a histogram, log2 M of a softmax.

    A softmax over many values is nearly uniform unless they are scaled: they are taken over the standard deviation of all.
    """
    rows, channels = x.shape
    if entropy == "softmax":
        scale = x.std(correction=0)
        shares = softmax(torch.where(scale > 0, x / scale, 0.0), dim=0)
    else:
        low, high = torch.aminmax(x)
        step = torch.where(high > low, (high - low) / BINS, 1.0)
        bins = ((x - low) / step).long().clamp_(0, BINS - 1) + BINS * torch.arange(channels, device=x.device)
        shares = bins.flatten().bincount(minlength=BINS * channels).view(channels, BINS).t() / rows
    entropies: Tensor = torch.special.entr(shares).sum(0)
    return entropies / math.log(2.0)


def _group_ranges(x: Tensor, groups: Tensor, sizes: Tensor, widths: Tensor) -> Tensor:
    """Least and greatest value of each group [groups, 2]; twice the mean where the group sends nothing else."""
    own = groups == torch.arange(len(sizes), device=x.device)[:, None]  # [groups, d]
    low = x.amin(0).expand_as(own).masked_fill(~own, torch.inf).amin(1)
    high = x.amax(0).expand_as(own).masked_fill(~own, -torch.inf).amax(1)
    mean = x.new_zeros(len(sizes)).index_add(0, groups, x.mean(0)) / sizes.clamp_min(1)
    return torch.where((widths > 0)[:, None], torch.stack([low, high], 1), torch.stack([mean, mean], 1))
