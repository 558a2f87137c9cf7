"""The interface of a compression method: two ends, one wire.

A codec maps smashed data Z to a *wire tensor* W (differentiable), writes W and its side information into a payload, reads the
payload back and expands it to what the server half takes. The server differentiates with respect to W as received, so the
answer has the shape of what was sent (compression.md 1.2); rounding is straight-through.

    client                                   server
    Z --encode--> W (handle) --> payload --> receive --> W' (leaf) --expand--> Z'
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any, NamedTuple, Self

from torch import Generator, Tensor, nn
from torch.nn.functional import one_hot

from edgesim.codecs.parts import pack
from edgesim.wire import FLOAT_BITS, Below, Field, LedgerName, Manifest, Payload, Smashed

Peek = Callable[[Sequence[Field]], list[Tensor]]  # the tensors of fields at the beginning of a message, in that order


@dataclass(frozen=True, slots=True)
class Cut:
    """What passes the cut before compression: rows of shape `item`.

    item         shape of one row: (tokens, width) on the uplink, the wire tensor's row on the downlink
    classes      number of classes whose labels travel along; 0 where none do (downlink)
    soft_labels  labels are rows of `classes` probabilities instead of class numbers
    """

    item: tuple[int, ...]
    classes: int = 0
    soft_labels: bool = False

    @property
    def features(self) -> int:
        """D of the paper: real numbers per row."""
        return math.prod(self.item)

    def label_fields(self, batch: int) -> tuple[Field, ...]:
        """How the labels of `batch` samples travel when nothing merges them."""
        if not self.classes:
            return ()
        if self.soft_labels:
            return (Field("labels", (batch, self.classes), FLOAT_BITS, "labels"),)
        return (Field("labels", (batch,), bits_for(self.classes), "labels", form=Below(self.classes)),)

    def label_tensors(self, labels: Tensor | None) -> dict[str, Tensor]:
        """The tensors of `label_fields`. Class numbers become rows of probabilities where those are announced."""
        if not self.classes:
            return {}
        if labels is None:
            raise ValueError(f"the codec announces labels of {self.classes} classes, but the smashed data has none")
        if self.soft_labels:
            labels = one_hot(labels, self.classes) if labels.dim() == 1 else labels
            return {"labels": labels.detach().float()}
        return {"labels": labels.detach()}

    def base_bits(self, batch: int) -> float:
        """C_base of the paper for this direction: B (D phi + log2 C) with labels, B D phi without."""
        return batch * (self.features * FLOAT_BITS + (math.log2(self.classes) if self.classes else 0.0))


class Aim(NamedTuple):
    """A target ratio, the ledger it is read from, and what came of it."""

    ledger: LedgerName
    wanted: float
    realised: float


# From 2^-20 to 1, four to a doubling.
RATIOS_TO_TRY = tuple(2.0 ** (-step / 4) for step in range(80, -1, -1))


class Ratios(NamedTuple):
    """Communication relative to Base as the paper's Table 1 (`paper`) and the published code (`code`) state it."""

    paper_up: float
    paper_down: float
    code_up: float
    code_down: float


def bits_for(values: int) -> int:
    """ceil(log2 values): the bits that tell `values` things apart."""
    return max(values - 1, 0).bit_length()


class Codec(nn.Module, ABC):
    """A compression method. Abstract: subclass it, one final subclass a file.

    Positional `cut` comes from the program; keyword-only parameters of the subclass come from YAML.
    Trainable parameters, if any, live in the submodules `client` and `server`.
    The flags are read from the class before anything is built; an instance may know better (a chain asks its stages).
    """

    needs_attention: bool = False  # smashed.attention must be there
    needs_tokens: bool = False  # only for uplink rows of shape (tokens, width) with a class token first
    integer_values: bool = False  # the values on the wire are codes: no analog transport
    fixed_size: bool = True  # every message of a full batch has exactly the announced size, whatever the data
    reconstruction: bool = False  # built from an abstract, details are ours
    adapts: bool = False  # comes in several sizes, of which one is chosen for every step (edgesim/codecs/adaptive.py)
    dial: str = "xi"  # the knob that sets the size of a message
    both_ways: bool = True  # the answer is as small as the message: a target ratio is the mean of both directions
    knobs: dict[str, Any]  # as given to the constructor
    aim: Aim | None = None  # the target ratio that it was made for

    def __new__(cls, *_positional: Any, **knobs: Any) -> Self:
        made = super().__new__(cls)
        made.knobs = knobs
        return made

    def __init__(self, cut: Cut) -> None:
        super().__init__()
        self.cut = cut

    @property
    def one_off_bits(self) -> int:
        """What the other end must be told once, before the first message."""
        return 0

    def calibrate(self, z: Tensor) -> None:
        """Fix what is to be fixed once to suit activations z [B, *item]; both ends must hold it. For most codecs nothing."""

    # -- other sizes: what a target ratio is found with (edgesim/codecs/target.py) -------------------------------------

    @property
    def settings(self) -> Sequence[float]:
        """Settings of the dial to try, ascending; a search looks between real numbers too. Empty: its size is what it is."""
        return RATIOS_TO_TRY if self.dial in signature(type(self).__init__).parameters else ()

    def like(self, cut: Cut | None = None, dial: float | None = None) -> "Codec":
        """A new codec of the same kind and knobs for another cut, or with another setting of its dial.

        Raises ValueError where there can be none.
        """
        return type(self)(cut or self.cut, **(self.knobs | ({} if dial is None else {self.dial: dial})))

    # -- sizes, without tensors: all that a timing-only run uses ------------------------------------------------------

    @property
    @abstractmethod
    def item(self) -> tuple[int, ...]:
        """Shape of one row of the wire tensor."""

    def rows(self, batch: int) -> int:
        """Rows of the wire tensor for `batch` samples."""
        return batch

    def decoded(self, batch: int) -> tuple[int, ...]:
        """Shape of x that `expand` gives for `batch` samples; the server half's cost follows from it."""
        return (batch, *self.cut.item)

    @abstractmethod
    def manifest(self, batch: int) -> Manifest:
        """The message for `batch` samples. Equals `encode(...).manifest`, or bounds it where sizes depend on data."""

    @abstractmethod
    def ratios(self, batch: int) -> Ratios:
        """The published ratios for `batch` samples."""

    @abstractmethod
    def flops(self, batch: int) -> tuple[float, float]:
        """FLOPs of encoding and of decoding `batch` samples."""

    # -- tensors ------------------------------------------------------------------------------------------------------

    @abstractmethod
    def encode(self, smashed: Smashed, generator: Generator) -> Payload:
        """Compress. Touches `self.client` only. `payload.handle` is W, in the graph of `smashed.x`; tensors are detached."""

    def receive(self, payload: Payload) -> Tensor:
        """W as it arrived, [rows, *item] float, not in any graph."""
        return payload.tensors["values"]

    @abstractmethod
    def expand(self, wire: Tensor, payload: Payload) -> Smashed:
        """From W to what the server half takes; differentiable in `wire`. Touches `self.server` and the payload only."""

    def decode(self, payload: Payload) -> Smashed:
        """`expand(receive(payload), payload)`."""
        return self.expand(self.receive(payload), payload)

    # -- bytes: what crosses the air is no more than was announced; runs need them not ---------------------------------

    def to_bytes(self, payload: Payload) -> bytes:
        """The message itself, `payload.manifest.octets` long (edgesim/codecs/parts/pack.py).

        Raises ValueError for a tensor that its field cannot carry.
        """
        return pack.written(payload.manifest.fields, payload.tensors)

    def from_bytes(self, data: bytes, batch: int) -> Payload:
        """The payload of a message for `batch` samples, on the CPU, where decoding it gives what the sender's would give.

        Raises ValueError where the message has another length than its side information says.
        """
        if batch < 1:
            raise ValueError(f"a message has at least one sample, but batch is {batch}")
        reader = pack.Reader(data)
        manifest = self.arriving(batch, reader.peek)
        if manifest.octets != len(data):
            raise ValueError(
                f"a message of {batch} samples with this side information has {manifest.octets} bytes, not {len(data)}"
            )
        fields = pack.in_order(manifest.fields)
        return Payload(manifest, {item.name: tensor for item, tensor in zip(fields, reader.peek(fields), strict=True)})

    def arriving(self, batch: int, peek: Peek) -> Manifest:
        """The manifest of a message that arrives. Where sizes depend on data (`fixed_size` false), from its side information.

        peek  the tensors of fields at the beginning of the message: all of role `side`, in the order of the manifest
        """
        return self.manifest(batch)

    def spread(self, outputs: Tensor, payload: Payload) -> Tensor:
        """Model outputs per decoded row -> outputs per original sample, on the sender's side (uses `payload.kept`)."""
        return outputs
