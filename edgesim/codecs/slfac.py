"""SL-FAC: spectra of the token grid, with many bits where the energy is."""

from typing import Annotated

import torch
from torch import Generator, Tensor

from edgesim.codecs.base import Codec, Cut, Peek, Ratios, bits_for
from edgesim.codecs.parts.dct import token_basis
from edgesim.codecs.parts.frames import from_bits, to_bits
from edgesim.codecs.parts.grids import MAX_WIDTH, WIDTH_BITS, check_finite, grid_codes, grid_values
from edgesim.codecs.parts.knobs import whole, within
from edgesim.codecs.parts.levels import shifted_widths
from edgesim.codecs.parts.precision import widen
from edgesim.wire import FLOAT_BITS, Below, Field, Manifest, Payload, Smashed

HALF_BITS = 16
FLOOR = 1e-3  # of the mean energy density: gradients, all tiny, get bits as activations do


class SLFAC(Codec):
    """SL-FAC: tokens go to the frequency domain, where each channel's low and high frequencies get bits by their energy.

    Reconstruction from the published abstract; details are this project's choice (compression.md 2.10).
    The first token (the class token) travels as 16-bit floats under one scale. The other N tokens of every sample and channel
    are transformed by an orthonormal DCT-II, in two dimensions where they form a square grid, else in one, and ordered from low
    to high frequency. With E_k the energy of coefficient k of a channel over the batch, its low set is the first
        k* = min{k : sum_{i <= k} E_i >= theta sum_i E_i},
    its high set the rest. With e_s the energy a coefficient of a set s, over 1/1000 of that of all, the set gets
        b_s = round(b_min + (b_max - b_min) log(1 + e_s) / log(1 + max e))
    bits a coefficient, on a uniform grid over its range, moved by at most half a step so that 0 is on it: most high frequencies
    are nearly 0. 0 bits leave 0. With `xi`, all b_s are shifted alike until the message has that size, within 0 to 15; without,
    its size depends on the data and b_max bounds it.
    Rounding is straight-through: the answer is dl/dX in full, unless the downlink has this codec too, with spectra of its own.
    Rows of another number of axes count as (product of all but the last, last).
    Ledgers: paper and code charge the message's bits (without `xi`: b_max a value), labels aside, over those of 32-bit values.

    xi        bits of this direction's message, side information included, over 32 bits a value; a batch too short for its
              side information takes more, and more than 15 bits a value are never sent
    theta     share of a channel's energy in its low set
    bits_min  least bits of a coefficient, before any shift
    bits_max  most bits of a coefficient, before any shift

    >>> from edgesim.codecs.base import Cut
    >>> SLFAC(Cut((197, 192)), xi=0.125).manifest(64).by_role
    {'values': 9655232, 'side': 27680, 'labels': 0, 'model': 0}
    """

    integer_values = True
    fixed_size = False  # without `xi`
    reconstruction = True
    basis: Tensor

    def __init__(
        self,
        cut: Cut,
        *,
        xi: Annotated[float, "(0, 1]"] | None = None,
        theta: Annotated[float, "(0, 1]"] = 0.9,
        bits_min: Annotated[int, "[0, 15]"] = 2,
        bits_max: Annotated[int, "[1, 15]"] = 8,
    ) -> None:
        super().__init__(cut)
        within("(0, 1]", theta=theta)
        whole("[0, 15]", bits_min=bits_min)
        whole("[1, 15]", bits_max=bits_max)
        if bits_min > bits_max:
            raise ValueError(f"bits_min must be at most bits_max, got {bits_min} and {bits_max}")
        self.width = cut.item[-1]
        self.tokens = cut.features // self.width - 1  # N
        least = HALF_BITS / (FLOAT_BITS * (self.tokens + 1))
        if xi is not None:
            within("(0, 1]", xi=xi)
            if self.tokens and xi <= least:
                raise ValueError(f"xi must be above {least:.2g}, which the class token takes alone, got {xi}")
        self.xi, self.theta, self.bits_min, self.bits_max = xi, theta, bits_min, bits_max
        self.fixed_size = xi is not None
        basis = token_basis(self.tokens).float() if self.tokens else torch.zeros(0, 0)
        self.register_buffer("basis", basis, persistent=False)

    # -- sizes --------------------------------------------------------------------------------------------------------

    @property
    def item(self) -> tuple[int, ...]:
        return self.cut.item

    def _first_field(self, batch: int) -> Field:
        return Field("first", (batch, self.width), HALF_BITS, "values", form="float")

    def _side_fields(self) -> tuple[Field, ...]:
        return (
            Field("scale", (1,), FLOAT_BITS, "side"),
            Field("cuts", (self.width,), bits_for(self.tokens + 1), "side", form=Below(self.tokens + 1)),
            Field("widths", (self.width, 2), WIDTH_BITS, "side"),
            Field("ranges", (self.width, 2, 2), FLOAT_BITS, "side"),
        )

    def _frame(self, batch: int) -> int:
        """Most bits of a sample's coefficients: what xi leaves beside the rest."""
        if self.xi is None:
            return self.bits_max * self.tokens * self.width
        rest = sum(item.bits for item in (self._first_field(batch), *self._side_fields()))
        budget = self.xi * FLOAT_BITS * batch * self.cut.features - rest
        return min(max(1, int(budget) // batch), MAX_WIDTH * self.tokens * self.width)

    def manifest(self, batch: int) -> Manifest:
        return self._manifest(batch, self._frame(batch))

    def arriving(self, batch: int, peek: Peek) -> Manifest:
        if self.fixed_size:
            return self.manifest(batch)
        _scale, cuts, widths, _ranges = peek(self._side_fields())
        counts = torch.stack([cuts, self.tokens - cuts], 1)  # [d, 2]
        return self._manifest(batch, int((counts * widths).sum()))

    def _manifest(self, batch: int, frame: int) -> Manifest:
        values = Field("values", (batch, frame), 1, "values")
        fields = (values, self._first_field(batch), *self._side_fields(), *self.cut.label_fields(batch))
        charge = self.cut.base_bits(batch) * self.ratios(batch).paper_up
        return Manifest(fields, charge, charge)

    def ratios(self, batch: int) -> Ratios:
        rest = sum(item.bits for item in (self._first_field(batch), *self._side_fields()))
        up = (batch * self._frame(batch) + rest) / (FLOAT_BITS * batch * self.cut.features)
        return Ratios(up, 1.0, up, 1.0)

    def flops(self, batch: int) -> tuple[float, float]:
        """The transform as a matrix product, 2 N a value; then 3 for energies, 3 for ranges, 5 for codes and 2 a bit.

        Decoding: 2 N + 2 a value, and 2 a bit.
        """
        values, bits = float(batch * self.tokens * self.width), float(batch * self._frame(batch))
        transform = 2.0 * self.tokens * values
        return transform + 11.0 * values + 2.0 * bits, transform + 2.0 * values + 2.0 * bits

    # -- tensors ------------------------------------------------------------------------------------------------------

    def encode(self, smashed: Smashed, generator: Generator) -> Payload:
        """See `Codec.encode`. Raises RunError where values are not finite."""
        wire = widen(smashed.x)
        x = wire.detach().float().reshape(len(wire), -1, self.width)  # [B, 1 + N, d]
        check_finite("slfac", x)
        scale = x[:, 0].abs().amax().clamp_min(torch.finfo(torch.float32).tiny)[None]
        tensors = {"first": (x[:, 0] / scale).half(), "scale": scale}
        tensors |= self._spectrum(self.basis @ x[:, 1:], self._frame(len(wire)))
        manifest = self._manifest(len(wire), tensors["values"].shape[1])
        return Payload(manifest, tensors | self.cut.label_tensors(smashed.labels), handle=wire)

    def _spectrum(self, c: Tensor, frame: int) -> dict[str, Tensor]:
        """Fields that hold the coefficients c [B, N, d]."""
        energy = c.double().square().sum(0)  # [N, d]
        cuts = low_counts(energy, self.theta)
        sets = (torch.arange(self.tokens, device=c.device)[:, None] >= cuts).long()  # [N, d], 0 low, 1 high
        counts = torch.stack([cuts, self.tokens - cuts], 1)  # [d, 2]
        widths = self._widths(_by_set(energy, sets), counts, frame)
        each = widths.gather(1, sets.t()).t().flatten()  # [N d]
        used = frame if self.fixed_size else int(each.sum())
        ranges = _through_zero(_set_ranges(c, sets), widths)
        low, high = _spread(ranges, sets)
        codes = grid_codes(c.flatten(1), low, high, each)
        return {"values": to_bits(codes, each, used), "cuts": cuts, "widths": widths, "ranges": ranges}

    def _widths(self, energy: Tensor, counts: Tensor, frame: int) -> Tensor:
        """Bits of a coefficient of each set, [d, 2] int64; 0 where there is nothing to send."""
        if not self.tokens or not float(energy.sum()) > 0.0:
            return torch.zeros_like(counts)
        density = energy / counts.clamp_min(1) / (FLOOR * energy.sum() / counts.sum())
        share = density.log1p() / density.max().log1p()
        wanted = self.bits_min + (self.bits_max - self.bits_min) * share
        if not self.fixed_size:
            return wanted.round().long() * (counts > 0)
        fitted = shifted_widths(wanted.flatten(), counts.flatten(), frame).view_as(counts)
        return fitted * (counts > 0)

    def receive(self, payload: Payload) -> Tensor:
        tensors = payload.tensors
        sets = (torch.arange(self.tokens, device=tensors["cuts"].device)[:, None] >= tensors["cuts"]).long()
        each = tensors["widths"].gather(1, sets.t()).t().flatten()
        low, high = _spread(tensors["ranges"], sets)
        c = grid_values(from_bits(tensors["values"], each), low, high, each)
        c = c.view(len(c), self.tokens, self.width)
        first = tensors["first"].float() * tensors["scale"]
        rest = self.basis.t() @ c
        return torch.cat([first[:, None], rest], 1).reshape(-1, *self.item)

    def expand(self, wire: Tensor, payload: Payload) -> Smashed:
        return Smashed(wire, payload.tensors.get("labels"))


def low_counts(energy: Tensor, theta: float) -> Tensor:
    """k*, the fewest leading coefficients of each column of energy [N, d] that hold `theta` of its sum, [d] int64."""
    held = energy.cumsum(0)
    return ((held < theta * held[-1:]).sum(0) + 1).clamp_max(len(energy))


def _by_set(values: Tensor, sets: Tensor) -> Tensor:
    """Sums of values [N, d] over each column's low and high set, [d, 2]."""
    return torch.stack([(values * (sets == number)).sum(0) for number in (0, 1)], 1)


def _set_ranges(c: Tensor, sets: Tensor) -> Tensor:
    """Least and greatest coefficient of each channel's low and high set, [d, 2, 2]; 0 where a set is empty."""
    if not len(sets):
        return c.new_zeros(c.shape[2], 2, 2)
    low, high = torch.aminmax(c, dim=0)  # [N, d]
    members = [sets == number for number in (0, 1)]
    lowest = torch.stack([low.masked_fill(~own, torch.inf).amin(0) for own in members], 1)  # [d, 2]
    highest = torch.stack([high.masked_fill(~own, -torch.inf).amax(0) for own in members], 1)
    ranges = torch.stack([lowest, highest], 2)
    return torch.where(ranges.isfinite(), ranges, 0.0)


def _through_zero(ranges: Tensor, widths: Tensor) -> Tensor:
    """The ranges [d, 2, 2] moved so that 0 is a point of the grid of 2^width points, where it lies between the ends."""
    low, high = ranges.unbind(2)
    last = 2.0**widths - 1.0
    step = (high - low) / last.clamp_min(1.0)
    place = torch.where(step > 0, -low / step, 0.0).round().clamp_min(0.0).minimum(last)
    inside = (low < 0) & (high > 0)
    moved = torch.where(inside, -place * step, low)
    return torch.stack([moved, moved + last * step], 2).float() * (widths > 0)[:, :, None]


def _spread(ranges: Tensor, sets: Tensor) -> tuple[Tensor, Tensor]:
    """Least and greatest value at every coefficient and channel, each [N d], from those of the sets."""
    each = [ranges[:, :, end].gather(1, sets.t()).t().flatten() for end in (0, 1)]
    return each[0], each[1]
