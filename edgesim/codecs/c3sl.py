"""C3-SL: samples bound to keys by circular convolution and added up."""

from typing import Annotated

import torch
from torch import Generator, Tensor
from torch.nn.functional import pad

from edgesim.codecs.base import Codec, Cut, Ratios, bits_for
from edgesim.codecs.parts.circular import Keys, bind, fft_flops, key_spectra, unbind
from edgesim.codecs.parts.knobs import one_of, whole, within
from edgesim.codecs.parts.precision import widen
from edgesim.wire import FLOAT_BITS, Below, Field, Manifest, Payload, Smashed

SEED_BITS = 64


class C3SL(Codec):
    """C3-SL: every R samples of a batch are bound to R fixed keys by circular convolution, and their sum is sent.

    With the samples of a group flattened to z_r in R^D, and keys K_r:  W = sum_r K_r (*) z_r  (circular convolution), and the
    server unbinds  z'_r[i] = sum_j K_r[j] W[(i + j) mod D], the correlation with each key. The answer is dl/dW, D numbers a
    group; the gradient meets the same cross-talk as the activations. Computed by real FFT in single precision, whatever the
    precision of the activations. A last group that is short uses the first keys and sends one vector all the same.
    With `gaussian` keys of unit length the relative squared error is about R: 1 from a key with itself, R - 1 cross-talk; not
    even R = 1 is Base. With `unitary` keys, all frequencies of modulus 1, it is R - 1, and R = 1 is exact.
    Keys are a function of `seed`, R and D: both ends rebuild them from 64 bits that are told once (`one_off_bits`).
    Sources: compression.md 2.6; published code of C3-SL (keys N(0, 1/D) scaled to unit length, raw features as for every cut
    that is not right before the last layer); unitary keys are an extension.
    Ledgers: paper and code 1/R both ways, also for a short last group; 1/B for a batch of fewer than R samples.

    R     samples of a group; give this or xi
    xi    target ratio, both ways: R = max(1, round(1/xi))
    keys  `gaussian` (published) or `unitary`
    seed  of the keys; the run's where left out

    >>> from edgesim.codecs.base import Cut
    >>> C3SL(Cut((197, 192)), R=4).manifest(128).by_role["values"] == 32 * 37_824 * 32
    True
    """

    one_off_bits = SEED_BITS  # the seed of the keys

    def __init__(
        self,
        cut: Cut,
        *,
        R: Annotated[int, "[1, inf)"] | None = None,
        xi: Annotated[float, "(0, 1]"] | None = None,
        keys: Keys = "gaussian",
        seed: Annotated[int, "[0, inf)"] | None = None,
    ) -> None:
        super().__init__(cut)
        if (R is None) == (xi is None):
            raise ValueError(f"give either R or xi; got R={R}, xi={xi}")
        if R is not None:
            whole("[1, inf)", R=R)
            self.R = R
        elif xi is not None:
            within("(0, 1]", xi=xi)
            self.R = max(1, round(min(1.0 / xi, 2.0**31)))  # no batch is as large
        one_of(keys=(keys, Keys))
        self.seed = 0 if seed is None else seed
        whole("[0, inf)", seed=self.seed)
        self.keys = keys
        self._spectra: Tensor | None = None  # not part of the state: the knobs say what it is

    # -- sizes --------------------------------------------------------------------------------------------------------

    @property
    def item(self) -> tuple[int, ...]:
        return (self.cut.features,)

    def rows(self, batch: int) -> int:
        return -(-batch // self.R)

    def manifest(self, batch: int) -> Manifest:
        values = Field("values", (self.rows(batch), *self.item), FLOAT_BITS, "values", analog=True)
        charge = self.cut.base_bits(batch) * self.ratios(batch).paper_up
        return Manifest((values, *self._count_fields(batch), *self.cut.label_fields(batch)), charge, charge)

    def ratios(self, batch: int) -> Ratios:
        xi = 1.0 / min(self.R, batch)
        return Ratios(xi, xi, xi, xi)

    def flops(self, batch: int) -> tuple[float, float]:
        """Each way B + B/R transforms of `fft_flops` and, per sample and frequency, 8 for a complex product and sum.

        Twice: once forward and once for the gradient, whose way back is the other end's operation.
        """
        once = (batch + self.rows(batch)) * fft_flops(self.cut.features) + 8.0 * batch * (self.cut.features // 2 + 1)
        return 2.0 * once, 2.0 * once

    def _count_fields(self, batch: int) -> tuple[Field, ...]:
        """How many samples the last group has, less one, where no labels tell."""
        bits = bits_for(self.R)
        return (Field("last", (1,), bits, "side", form=Below(self.R)),) if bits and not self.cut.classes else ()

    # -- tensors ------------------------------------------------------------------------------------------------------

    def spectra(self, batch: int, like: Tensor) -> Tensor:
        """Those of the keys that `batch` samples need, where `like` is; made when first needed."""
        count = min(self.R, batch)
        if self._spectra is None or self._spectra.device != like.device or len(self._spectra) < count:
            self._spectra = key_spectra(count, self.cut.features, self.keys, self.seed).to(like.device)
        return self._spectra[:count]

    def encode(self, smashed: Smashed, generator: Generator) -> Payload:
        flat = widen(smashed.x).flatten(1)  # [B, D]
        batch, rows = len(flat), self.rows(len(smashed.x))
        spectra = self.spectra(batch, flat)
        grouped = pad(flat, (0, 0, 0, rows * len(spectra) - batch)).view(rows, len(spectra), -1)  # samples of zeros add nothing
        wire = bind(grouped, spectra)
        manifest = self.manifest(batch)
        last = torch.full((1,), (batch - 1) % self.R, dtype=torch.int32, device=flat.device)
        tensors = {"values": wire.detach(), "last": last, **self.cut.label_tensors(smashed.labels)}
        return Payload(manifest, {item.name: tensors[item.name] for item in manifest.fields}, handle=wire)

    def expand(self, wire: Tensor, payload: Payload) -> Smashed:
        labels = payload.tensors.get("labels")
        if labels is not None:
            batch = len(labels)
        else:
            last = int(payload.tensors["last"]) + 1 if "last" in payload.tensors else self.R
            batch = (len(wire) - 1) * self.R + last
        separate = unbind(wire, self.spectra(batch, wire)).flatten(0, 1)[:batch]
        return Smashed(separate.view(batch, *self.cut.item), labels)
