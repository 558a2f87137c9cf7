"""Error feedback: what a codec lost is added to what it takes next."""

from collections.abc import Sequence
from typing import Annotated

import torch
from torch import Generator, Tensor
from torch.nn.functional import pad

from edgesim.codecs.base import Codec, Cut, Peek, Ratios
from edgesim.codecs.parts.knobs import within
from edgesim.codecs.parts.precision import widen
from edgesim.wire import Manifest, Payload, Smashed


class Feedback(Codec):
    """Error feedback around a value codec: its residual is kept by the sender and added to the next message.

    Row b of a message takes the residual of row b of the message before:
        send C(x_b + e_b),   e_b <- decay (x_b + e_b - C(x_b + e_b)),   e = 0 at first,
    so that over many steps nothing of a constant x is lost. Rows are places in the batch, not samples: batches change, so a
    residual is added to another sample's values. On gradients that is the usual error feedback, whose sums over steps matter;
    on activations it is noise from other samples, which `decay` damps. A short batch uses and renews the first residuals; the
    others wait. At evaluation there is no feedback. Residuals belong to the one sender that holds this codec and are part of
    its state. C must lose less than it is given, or residuals grow: quantise and topk do. The answer is C's, straight through.
    Sources: F. Seide et al., Interspeech 2014; S. P. Karimireddy et al., ICML 2019, algorithm 2. Sizes and ledgers: C's.

    codec  C: a codec without trained parts that gives every row back in its own shape
    decay  of residuals from message to message; 0 is C alone

    >>> from edgesim.codecs.base import Cut
    >>> from edgesim.codecs.topk import TopK
    >>> Feedback(Cut((197, 192)), codec=TopK(Cut((197, 192)), rate=0.1)).item
    (3782,)
    """

    def __init__(self, cut: Cut, *, codec: Codec, decay: Annotated[float, "[0, 1]"] = 1.0) -> None:
        super().__init__(cut)
        within("[0, 1]", decay=decay)
        name = type(codec).__name__
        if codec.cut != cut:
            raise ValueError(f"codec ({name}) was built for {codec.cut}, but takes {cut}")
        if codec.rows(64) != 64 or codec.decoded(64) != (64, *cut.item) or next(codec.parameters(), None) is not None:
            raise ValueError(f"codec ({name}) merges or drops rows or tokens, or is trained; feedback takes value codecs only")
        self.codec = codec
        self._codec = codec  # the same, with its type
        self.decay = decay
        self.needs_attention, self.needs_tokens = codec.needs_attention, codec.needs_tokens
        self.integer_values, self.fixed_size = codec.integer_values, codec.fixed_size
        self.reconstruction, self.both_ways = codec.reconstruction, codec.both_ways
        self._residual = torch.zeros(0, *cut.item)  # [most rows so far, *item]

    @property
    def one_off_bits(self) -> int:
        return self._codec.one_off_bits

    def calibrate(self, z: Tensor) -> None:
        self._codec.calibrate(z)

    # -- other sizes --------------------------------------------------------------------------------------------------

    @property
    def settings(self) -> Sequence[float]:
        return self._codec.settings

    def like(self, cut: Cut | None = None, dial: float | None = None) -> Codec:
        return Feedback(cut or self.cut, codec=self._codec.like(cut, dial), decay=self.decay)

    # -- sizes --------------------------------------------------------------------------------------------------------

    @property
    def item(self) -> tuple[int, ...]:
        return self._codec.item

    def manifest(self, batch: int) -> Manifest:
        return self._codec.manifest(batch)

    def arriving(self, batch: int, peek: Peek) -> Manifest:
        return self._codec.arriving(batch, peek)

    def ratios(self, batch: int) -> Ratios:
        return self._codec.ratios(batch)

    def flops(self, batch: int) -> tuple[float, float]:
        """The sender decodes too, and adds, subtracts and scales every value."""
        encode, decode = self._codec.flops(batch)
        return encode + decode + 3.0 * batch * self.cut.features, decode

    # -- state --------------------------------------------------------------------------------------------------------

    def get_extra_state(self) -> Tensor:
        return self._residual

    def set_extra_state(self, state: Tensor) -> None:
        if state.shape[1:] != self.cut.item:
            raise ValueError(
                f"feedback: the residual has rows of {list(state.shape[1:])}, and the codec of {list(self.cut.item)}"
            )
        self._residual = state.clone()

    # -- tensors ------------------------------------------------------------------------------------------------------

    def encode(self, smashed: Smashed, generator: Generator) -> Payload:
        if not self.training:
            return self._codec.encode(smashed, generator)
        x = widen(smashed.x)
        corrected = x + self._residual_of(x)
        payload = self._codec.encode(Smashed(corrected, smashed.labels, smashed.attention), generator)
        with torch.no_grad():
            lost = corrected - self._codec.decode(payload.departed()).x
        self._residual = torch.cat([self.decay * lost, self._residual[len(x) :].to(lost)])
        return payload

    def _residual_of(self, x: Tensor) -> Tensor:
        """Residuals for as many rows as x has, zeros where there was none yet."""
        own = self._residual[: len(x)].to(x)
        missing = len(x) - len(own)
        return pad(own, (0, 0) * (x.dim() - 1) + (0, missing))

    def receive(self, payload: Payload) -> Tensor:
        return self._codec.receive(payload)

    def expand(self, wire: Tensor, payload: Payload) -> Smashed:
        return self._codec.expand(wire, payload)

    def spread(self, outputs: Tensor, payload: Payload) -> Tensor:
        return self._codec.spread(outputs, payload)
