"""Scalar quantisation: every value in a few bits."""

from typing import Annotated, Literal

import torch
from torch import Generator, Tensor

from edgesim.codecs.base import Codec, Cut, Ratios
from edgesim.codecs.parts.knobs import one_of, whole
from edgesim.codecs.parts.precision import widen
from edgesim.errors import RunError
from edgesim.wire import FLOAT_BITS, Field, Form, Manifest, Payload, Smashed

Per = Literal["tensor", "sample", "token", "channel"]
Rounding = Literal["nearest", "stochastic"]
Format = Literal["uniform", "fp16", "bf16"]
HALF: dict[str, torch.dtype] = {"fp16": torch.float16, "bf16": torch.bfloat16}
FORMS: dict[str, Form] = {"uniform": "unsigned", "fp16": "float", "bf16": "bfloat"}
HALF_BITS = 16


class Quantise(Codec):
    """Scalar quantisation: uniform with end points on the grid, or half precision; gradients pass straight through.

    In a group with least value m and greatest M, N = 2^bits levels:  step = (M - m) / (N - 1),  q = round((x - m) / step),
    x' = m + q step.  Rounding is to the nearest (error at most step/2), or stochastic, q = floor((x - m) / step + U[0, 1)),
    which is unbiased with variance at most step^2/4. A group of equal values arrives as it is. m and M travel as two 32-bit
    floats a group. The answer is dl/dx', uncompressed unless the downlink has a codec of its own.
    For gradients prefer `stochastic` with `sample`: with one range for all, rounding to the nearest sends most of them to zero.
    Source: compression.md 2.7; published ADC code (older repository), methods/quantization.py, is `nearest` per `tensor`.
    Ledgers: paper and code bits/32; wire adds the ranges.

    bits      per value of the uniform format
    per       what shares a range: the whole `tensor`, each `sample` (row), each `token` (vector along the last axis; of a row
              that is one vector, the row), or each `channel` (position on the last axis, over all samples and tokens)
    rounding  `nearest` or `stochastic`
    format    `uniform`, or 16-bit floats without ranges: `fp16` (beyond 65504 it saturates, below 6e-8 it is 0) or `bf16`

    >>> from edgesim.codecs.base import Cut
    >>> Quantise(Cut((197, 192)), bits=4, per="sample").manifest(2).by_role
    {'values': 302592, 'side': 128, 'labels': 0, 'model': 0}
    """

    integer_values = True
    dial = "bits"
    settings = range(1, 17)

    def __init__(
        self,
        cut: Cut,
        *,
        bits: Annotated[int, "[1, 16]"] = 8,
        per: Per = "tensor",
        rounding: Rounding = "nearest",
        format: Format = "uniform",
    ) -> None:
        super().__init__(cut)
        whole("[1, 16]", bits=bits)
        one_of(per=(per, Per), rounding=(rounding, Rounding), format=(format, Format))
        self.bits = bits if format == "uniform" else HALF_BITS
        self.per, self.rounding, self.format = per, rounding, format
        self.integer_values = format == "uniform"

    # -- sizes --------------------------------------------------------------------------------------------------------

    @property
    def item(self) -> tuple[int, ...]:
        return self.cut.item

    def groups(self, batch: int) -> int:
        """How many ranges a message of `batch` rows carries."""
        last = self.cut.item[-1]
        counts = {"tensor": 1, "sample": batch, "token": batch * self.cut.features // last, "channel": last}
        return counts[self.per]

    def manifest(self, batch: int) -> Manifest:
        form = FORMS[self.format]
        values = Field("values", (batch, *self.item), self.bits, "values", analog=not self.integer_values, form=form)
        ranges = (Field("ranges", (self.groups(batch), 2), FLOAT_BITS, "side"),) if self.format == "uniform" else ()
        charge = self.cut.base_bits(batch) * self.bits / FLOAT_BITS
        return Manifest((values, *ranges, *self.cut.label_fields(batch)), charge, charge)

    def ratios(self, batch: int) -> Ratios:
        return Ratios(self.bits / FLOAT_BITS, 1.0, self.bits / FLOAT_BITS, 1.0)

    def flops(self, batch: int) -> tuple[float, float]:
        """A value takes 7 (least, greatest, subtract, divide, round, two bounds), 8 if stochastic; 2 to decode; 1 to cast."""
        values = float(batch * self.cut.features)
        if self.format != "uniform":
            return values, values
        return values * (8.0 if self.rounding == "stochastic" else 7.0), 2.0 * values

    # -- tensors ------------------------------------------------------------------------------------------------------

    def encode(self, smashed: Smashed, generator: Generator) -> Payload:
        """See `Codec.encode`. Raises RunError where a range is not finite."""
        wire = widen(smashed.x)
        x = wire.detach()
        if self.format == "uniform":
            tensors = self._codes(x.float(), generator)
        else:
            dtype = HALF[self.format]
            greatest = torch.finfo(dtype).max
            tensors = {"values": x.clamp(-greatest, greatest).to(dtype)}
        return Payload(self.manifest(len(x)), tensors | self.cut.label_tensors(smashed.labels), handle=wire)

    def _codes(self, x: Tensor, generator: Generator) -> dict[str, Tensor]:
        grouped = self._grouped(x)  # [groups, values of a group]
        low, high = (bound[:, None] for bound in torch.aminmax(grouped, dim=1))
        if not bool((high - low).isfinite().all()):
            raise RunError(
                "quantise met NaN or infinite values, which no range holds; training has diverged, so lower optimiser.lr"
            )
        step = _step(low, high, self.bits)
        place = torch.where(step > 0, (grouped - low) / step, 0.0)
        if self.rounding == "stochastic":
            noise = torch.rand(place.shape, generator=generator, device=generator.device)
            place = (place + noise.to(place.device)).floor_()
        codes = place.round_().clamp_(0, 2**self.bits - 1).to(torch.int32)
        return {"values": self._ungrouped(codes, x.shape), "ranges": torch.cat([low, high], dim=1)}

    def receive(self, payload: Payload) -> Tensor:
        values = payload.tensors["values"]
        if self.format != "uniform":
            return values.float()
        low, high = payload.tensors["ranges"].tensor_split(2, dim=1)  # [groups, 1]
        return self._ungrouped(low + self._grouped(values) * _step(low, high, self.bits), values.shape)

    def expand(self, wire: Tensor, payload: Payload) -> Smashed:
        return Smashed(wire, payload.tensors.get("labels"))

    def _grouped(self, x: Tensor) -> Tensor:
        """[rows, *item] -> [groups, values of a group]."""
        last = x.shape[-1]
        if self.per == "channel":
            return x.reshape(-1, last).t()
        return x.reshape({"tensor": 1, "sample": len(x), "token": x.numel() // last}[self.per], -1)

    def _ungrouped(self, grouped: Tensor, shape: torch.Size) -> Tensor:
        return torch.reshape(grouped.t() if self.per == "channel" else grouped, shape)


def _step(low: Tensor, high: Tensor, bits: int) -> Tensor:
    levels: int = 2**bits
    return (high - low) / (levels - 1)
