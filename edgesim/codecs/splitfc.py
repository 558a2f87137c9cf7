"""SplitFC: columns drawn by their deviation, each quantised with levels that fit its range."""

from typing import Annotated

import torch
from torch import Generator, Tensor

from edgesim.codecs.base import Codec, Cut, Ratios
from edgesim.codecs.parts.frames import from_bits, to_bits
from edgesim.codecs.parts.grids import MAX_WIDTH, WIDTH_BITS, Column, check_finite, columns_of, grid_codes, grid_values
from edgesim.codecs.parts.knobs import one_of, whole, within
from edgesim.codecs.parts.levels import widths_for_ranges
from edgesim.codecs.parts.precision import widen
from edgesim.codecs.parts.sampling import inclusion, systematic
from edgesim.wire import FLOAT_BITS, Field, Manifest, Payload, Smashed

USUAL_BITS = 4.0  # a kept entry, where the reduction is not given
DEVIATION_FLOOR = 0.05  # of the mean deviation; keeps 1/q_j bounded for columns that hardly vary
SHARES = (1.0, 0.75, 0.5, 0.375, 0.25, 0.125)  # of the columns that vary, tried as those that get more than their mean


class SplitFC(Codec):
    """SplitFC: feature columns are dropped by their deviation, those kept are quantised with adapted levels.

    Reconstruction from the published abstract; details are this project's choice (compression.md 2.8).
    The rows make a matrix X of M rows and P columns. K = round(P / reduction) columns are drawn, column j with probability
        q_j = min(1, lambda sigma_j),  sum_j q_j = K,  sigma_j its standard deviation (at least 1/20 of the mean one),
    and W = X_j / q_j of those, so that what the server fills up with zeros is unbiased. Exactly K are drawn (Madow's systematic
    sampling in random order), so every message has one size. The answer is dl/dW: gradients of dropped columns never travel.
    Of the columns kept, the m of widest range are quantised between end points on a common grid, with Q_j levels that minimise
    sum_j rho_j^2 / (4 (Q_j - 1)^2) for the bits there are; the others send their mean. m is the best of a few shares. Rounding
    is straight-through. At evaluation no column is dropped and the same bits are shared by all.
    To compress gradients too, make it the downlink's codec as well, with `reduction: 1` if none should be dropped again.
    Ledgers: paper and code charge the message's bits, labels aside, over 32 M P; down K/P.

    xi         bits of this direction's message, side information included, over 32 M P; a batch too short for its side
               information takes more, and more than 15 bits an entry are never sent
    reduction  P / K; default 1/(8 xi), at least 1, which leaves a kept entry about 4 bits
    column     what a column is: a `channel`, with samples and tokens as rows, or every `feature` of a sample, with samples as
               rows (much more side information)
    end_bits   of an end point on the grid that all columns share

    >>> from edgesim.codecs.base import Cut
    >>> SplitFC(Cut((197, 192)), xi=0.1, reduction=2.0).manifest(64).by_role
    {'values': 7741312, 'side': 2560, 'labels': 0, 'model': 0}
    """

    integer_values = True
    reconstruction = True
    both_ways = False

    def __init__(
        self,
        cut: Cut,
        *,
        xi: Annotated[float, "(0, 1]"] = 0.1,
        reduction: Annotated[float, "[1, inf)"] | None = None,
        column: Column = "channel",
        end_bits: Annotated[int, "[2, 16]"] = 10,
    ) -> None:
        super().__init__(cut)
        within("(0, 1]", xi=xi)
        whole("[2, 16]", end_bits=end_bits)
        one_of(column=(column, Column))
        self.reduction = max(1.0, USUAL_BITS / (FLOAT_BITS * xi)) if reduction is None else reduction
        within("[1, inf)", reduction=self.reduction)
        self.xi, self.column, self.end_bits = xi, column, end_bits
        self.columns = columns_of(cut.item, column)
        if xi * FLOAT_BITS * self.columns < 1.0:
            raise ValueError(f"xi must be at least {1 / (FLOAT_BITS * self.columns):.2g}, one bit a row, got {xi}")

    # -- sizes --------------------------------------------------------------------------------------------------------

    @property
    def kept(self) -> int:
        """K, the columns on the wire: all of them at evaluation."""
        return max(1, round(self.columns / self.reduction)) if self.training else self.columns

    @property
    def item(self) -> tuple[int, ...]:
        return (*self.cut.item[:-1], self.kept) if self.column == "channel" else (self.kept,)

    def _side_fields(self) -> tuple[Field, ...]:
        mask = Field("mask", (self.columns,), 1, "side")
        fields = (
            Field("widths", (self.kept,), WIDTH_BITS, "side"),
            Field("ends", (self.kept, 2), self.end_bits, "side"),
            Field("range", (2,), FLOAT_BITS, "side"),
        )
        return fields if self.kept == self.columns else (mask, *fields)

    def _frame(self, batch: int) -> int:
        """Bits of a row's codes: what xi leaves beside the side information."""
        rows = batch * self.cut.features // self.columns
        budget = self.xi * FLOAT_BITS * batch * self.cut.features - sum(item.bits for item in self._side_fields())
        return min(max(1, int(budget) // rows), MAX_WIDTH * self.kept)

    def manifest(self, batch: int) -> Manifest:
        rows = batch * self.cut.features // self.columns
        values = Field("values", (rows, self._frame(batch)), 1, "values")
        charge = self.cut.base_bits(batch) * self.ratios(batch).paper_up
        return Manifest((values, *self._side_fields(), *self.cut.label_fields(batch)), charge, charge)

    def ratios(self, batch: int) -> Ratios:
        entries = batch * self.cut.features
        bits = entries // self.columns * self._frame(batch) + sum(item.bits for item in self._side_fields())
        up, down = bits / (FLOAT_BITS * entries), self.kept / self.columns
        return Ratios(up, down, up, down)

    def flops(self, batch: int) -> tuple[float, float]:
        """Deviations 4 an entry; of a kept entry: scale 1, range and variance 6, code 5, a bit 2. Decoding 2, a bit 2.

        Choosing levels is left out: it takes thousands of operations a column, whatever the number of rows.
        """
        entries = float(batch * self.cut.features)
        sent, bits = entries * self.kept / self.columns, entries / self.columns * self._frame(batch)
        return 4.0 * entries + 12.0 * sent + 2.0 * bits, 2.0 * sent + 2.0 * bits

    # -- tensors ------------------------------------------------------------------------------------------------------

    def encode(self, smashed: Smashed, generator: Generator) -> Payload:
        """See `Codec.encode`. Raises RunError where values are not finite."""
        x = widen(smashed.x)
        check_finite("splitfc", x.detach())
        matrix = x.reshape(-1, self.columns)  # [M, P]
        mask, scaled = self._drawn(matrix, generator)
        wire = scaled.reshape(len(x), *self.item)
        manifest = self.manifest(len(x))
        tensors = self._quantised(scaled.detach().float(), manifest.fields[0].shape[1])
        tensors |= {"mask": mask} | self.cut.label_tensors(smashed.labels)
        return Payload(manifest, {item.name: tensors[item.name] for item in manifest.fields}, handle=wire)

    def _drawn(self, matrix: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """Which columns are kept, [P] of 0 and 1, and those columns over their probabilities, [M, K]."""
        mask = torch.ones(self.columns, dtype=torch.uint8, device=matrix.device)
        if self.kept == self.columns:
            return mask, matrix
        deviation = matrix.detach().double().std(0, correction=0)
        deviation = deviation.clamp_min(DEVIATION_FLOOR * deviation.mean())
        chances = inclusion(deviation, self.kept)
        chosen = systematic(chances, self.kept, generator)
        scaled = matrix.index_select(1, chosen) / chances[chosen].to(matrix.dtype)
        return torch.zeros_like(mask).index_fill(0, chosen, 1), scaled

    def _quantised(self, x: Tensor, frame: int) -> dict[str, Tensor]:
        """The fields that say what the kept columns x [M, K] hold."""
        span = torch.stack(torch.aminmax(x))  # [2]
        grid = (span[1] - span[0]).double() / (2**self.end_bits - 1)
        low, high, mean = (bound.double() - span[0].double() for bound in (x.amin(0), x.amax(0), x.mean(0)))
        grid_or_one = torch.where(grid > 0, grid, 1.0)
        ends = torch.stack([(low / grid_or_one).floor(), (high / grid_or_one).ceil()], 1)  # [K, 2]
        varying = (ends[:, 1] > ends[:, 0]) & (high > low)
        variances = x.double().var(0, correction=0) / grid_or_one**2
        ranges = (ends[:, 1] - ends[:, 0]) * varying
        widths = self._widths(ranges.cpu(), variances.cpu(), frame).to(x.device)  # it looks at every try
        means = (mean / grid_or_one).round()[:, None].expand(-1, 2)
        codes = torch.where((widths > 0)[:, None], ends, means).clamp(0, 2**self.end_bits - 1).int()
        bounds = self._bounds(codes, span)
        return {
            "values": to_bits(grid_codes(x, *bounds, widths), widths, frame),
            "widths": widths,
            "ends": codes,
            "range": span,
        }

    def _widths(self, ranges: Tensor, variances: Tensor, frame: int) -> Tensor:
        """Bits of each column's entries, [K]; 0 for those that send their mean: the share with the least expected error."""
        order = ranges.argsort(descending=True, stable=True)
        varying = int((ranges > 0).sum())
        best, least = torch.zeros_like(order), float(variances.sum())
        for count in sorted({min(frame, max(1, int(share * varying))) for share in SHARES}) if varying else []:
            wide = order[:count]
            widths = torch.zeros_like(order).index_copy(0, wide, widths_for_ranges(ranges[wide], frame))
            rounding = (ranges / (2.0**widths - 1.0).clamp_min(1.0)).square() / 12.0
            error = float(torch.where(widths > 0, rounding, variances).sum())
            if error < least:
                best, least = widths, error
        return best

    def _bounds(self, ends: Tensor, span: Tensor) -> tuple[Tensor, Tensor]:
        """First and last grid point of each column, from their codes and the range of all."""
        points = span[0] + ends * ((span[1] - span[0]) / (2**self.end_bits - 1))
        return points[:, 0], points[:, 1]

    def receive(self, payload: Payload) -> Tensor:
        tensors = payload.tensors
        widths = tensors["widths"]
        low, high = self._bounds(tensors["ends"], tensors["range"])
        values = grid_values(from_bits(tensors["values"], widths), low, high, widths)  # [M, K]
        return values.reshape(-1, *self.item)

    def expand(self, wire: Tensor, payload: Payload) -> Smashed:
        labels = payload.tensors.get("labels")
        if "mask" not in payload.tensors:
            return Smashed(wire.reshape(len(wire), *self.cut.item), labels)
        matrix = wire.reshape(-1, self.kept)
        members_first = payload.tensors["mask"].argsort(descending=True, stable=True)
        places = members_first[: self.kept].sort().values  # exactly so many, whatever bit errors have done
        full = matrix.new_zeros(len(matrix), self.columns).index_copy(1, places, matrix)
        return Smashed(full.reshape(len(wire), *self.cut.item), labels)
