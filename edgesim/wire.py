"""What crosses the air: payloads and their itemised sizes. Sizes in bits are added up here and nowhere else.

Nothing in this file needs torch; a payload merely carries tensors.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

Role = Literal["values", "side", "labels", "model"]
ROLES: tuple[Role, ...] = ("values", "side", "labels", "model")
LedgerName = Literal["paper", "code", "wire"]
FLOAT_BITS = 32  # phi of the ADC paper: the cost of one real feature


class Subset(NamedTuple):
    """A form of entry: `kept` different numbers below `total`, ascending, on a trailing axis of the tensor.

    An entry of `total` bits is a bitmap; one of fewer bits is the number of the set among all sets of its size.
    """

    total: int
    kept: int


class Below(NamedTuple):
    """A form of entry: an unsigned integer below `bound`. What bit errors make larger is read as the largest."""

    bound: int


Form = Literal["float", "bfloat", "unsigned"] | Below | Subset


@dataclass(frozen=True, slots=True)
class Field:
    """One item of a message: `shape` entries of `bits_each` bits.

    The tensor it describes has that shape; where entries are subsets, one axis more.
    `analog` marks real values that an analog transport may send as symbols.
    `form` says what the bits of an entry are: an IEEE `float`, the upper half of one (`bfloat`), an `unsigned` integer, one
    `Below` some number, or a `Subset`. None: 32 bits are a float, any other number of bits an unsigned integer.
    """

    name: str
    shape: tuple[int, ...]
    bits_each: int
    role: Role
    analog: bool = False
    form: Form | None = None

    @property
    def coding(self) -> Form:
        """`form`, or what it stands for where it is None."""
        return self.form or ("float" if self.bits_each == FLOAT_BITS else "unsigned")

    @property
    def count(self) -> int:
        return math.prod(self.shape)

    @property
    def bits(self) -> int:
        return self.count * self.bits_each


@dataclass(frozen=True)
class Manifest:
    """The itemised size of one message, known before any tensor exists.

    `paper_bits` and `code_bits` are what the published ratio formula and the published code charge for the same message
    (compression.md 1.3); they may be fractional. `bits` is what a decoder really needs.
    """

    fields: tuple[Field, ...]
    paper_bits: float = 0.0
    code_bits: float = 0.0

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        """Once: what belongs to a message is looked up by its sizes in every step."""
        return hash((self.fields, self.paper_bits, self.code_bits))

    @cached_property
    def by_role(self) -> Mapping[Role, int]:
        return {role: sum(item.bits for item in self.fields if item.role == role) for role in ROLES}

    @cached_property
    def bits(self) -> int:
        return sum(self.by_role.values())

    @property
    def octets(self) -> int:
        """Bytes of the message: its bits, the last byte filled up."""
        return -(-self.bits // 8)

    @cached_property
    def analog_values(self) -> int:
        """How many real values may travel as symbols."""
        return sum(item.count for item in self.fields if item.analog)

    @cached_property
    def analog_bits(self) -> int:
        """The bits those values would take if sent digitally."""
        return sum(item.bits for item in self.fields if item.analog)

    def charged(self, paper_bits: float, code_bits: float) -> "Manifest":
        """The same message under other published charges."""
        return replace(self, paper_bits=paper_bits, code_bits=code_bits)


@dataclass(slots=True)
class Payload:
    """What really crosses the air; nothing else does.

    manifest  the itemised sizes; a tensor of `tensors` for each field, under the field's name
    handle    stays with the sender: the tensor, still in the sender's graph, whose gradient the answer carries
    kept      stays with the sender: whatever the sender needs to read the answer
    missing   of a payload as received: per field, which of its entries were lost on the way, bool in the field's shape
    note      rides along for measurements: no codec, transport or decoder reads it
    void      its header says that its values mean nothing: who receives it takes no step (edgesim/learn/finite.py)
    """

    manifest: Manifest
    tensors: dict[str, "Tensor"]
    handle: "Tensor | None" = None
    kept: dict[str, Any] = field(default_factory=dict)
    missing: dict[str, "Tensor"] = field(default_factory=dict)
    note: Any = None
    void: bool = False

    def departed(self) -> "Payload":
        """The payload without what stays behind."""
        return Payload(self.manifest, dict(self.tensors), note=self.note, void=self.void)


@dataclass(slots=True)
class Smashed:
    """Activations at the cut, with what a codec may look at.

    x          [B, T, D] float (on the downlink: the gradient of the wire tensor, any shape [rows, ...])
    labels     [B] int or [B, C] float, None on the downlink
    attention  [B, T] float, the class token's attention averaged over heads (rows sum to 1), None if not computed
    weight     [B] float, the share of the loss of each row (sums to 1), None for equal shares
    positions  [B, T] int, which tokens of the picture these are, None where a codec does not tell
    """

    x: "Tensor"
    labels: "Tensor | None" = None
    attention: "Tensor | None" = None
    weight: "Tensor | None" = None
    positions: "Tensor | None" = None
