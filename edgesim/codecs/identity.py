"""No compression: what every method is compared with."""

from torch import Generator, Tensor

from edgesim.codecs.base import Codec, Ratios
from edgesim.codecs.parts.precision import widen
from edgesim.wire import FLOAT_BITS, Field, Manifest, Payload, Smashed


class Identity(Codec):
    """No compression (the paper's Base): everything is sent as 32-bit floats.

    W = Z; the answer is dl/dZ. Source: compression.md 2.1; Alvetreti et al., arXiv 2509.15058, Table 1, row Base.

    >>> from edgesim.codecs.base import Cut
    >>> Identity(Cut((197, 192), classes=100)).manifest(128).by_role["values"]
    154927104
    """

    dial = ""

    @property
    def item(self) -> tuple[int, ...]:
        return self.cut.item

    def manifest(self, batch: int) -> Manifest:
        values = Field("values", (batch, *self.item), FLOAT_BITS, "values", analog=True)
        base = self.cut.base_bits(batch)
        return Manifest((values, *self.cut.label_fields(batch)), base, base)

    def ratios(self, batch: int) -> Ratios:
        return Ratios(1.0, 1.0, 1.0, 1.0)

    def flops(self, batch: int) -> tuple[float, float]:
        return 0.0, 0.0

    def encode(self, smashed: Smashed, generator: Generator) -> Payload:
        wire = widen(smashed.x)
        tensors = {"values": wire.detach(), **self.cut.label_tensors(smashed.labels)}
        return Payload(self.manifest(len(wire)), tensors, handle=wire)

    def expand(self, wire: Tensor, payload: Payload) -> Smashed:
        return Smashed(wire, payload.tensors.get("labels"))
