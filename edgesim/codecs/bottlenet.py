"""BottleNet: a small network narrows every token, another one on the server widens it again."""

import math
from itertools import pairwise
from typing import Annotated, Literal

import torch
from torch import Generator, Tensor, nn

from edgesim.codecs.base import Codec, Cut, Ratios
from edgesim.codecs.parts.bottleneck import ConvDecoder, ConvEncoder, erased, mlp, mlp_widths
from edgesim.codecs.parts.knobs import one_of, whole, within
from edgesim.wire import FLOAT_BITS, Field, Manifest, Payload, Smashed

Variant = Literal["mlp", "conv"]
Output = Literal["relu", "none"]
Air = Literal["awgn", "erasure"]
USUAL_LAYERS = 2
CODE_BITS = 8
SEED_BITS = 32
BOTH_WAYS = 3.0  # forward, the gradient of the input and that of the weights: as many products each


class BottleNet(Codec):
    """BottleNet: trained encoder and decoder around a narrow wire, as a token-wise MLP or as BottleNet++'s convolutions.

    Both ends are trained with the rest of the model, by the optimiser of their side. The wire tensor is W = encoder(Z), the
    answer dl/dW. Initial weights follow from `seed`.
    `mlp` is the baseline of the ADC paper: d' = round(xi d), two linear layers with ReLU between on each side, widths evenly
    spaced, and, with `output: relu`, a ReLU after the decoder too, which makes what the server half gets non-negative.
    `conv` is BottleNet++ for the patch tokens as a map of s x s (the class token passes linear layers): convolution, batch
    normalisation and sigmoid; decoder convolution, batch normalisation and `output`. The encoder also sees the noise level, a
    new one for every message from U(0, noise), at evaluation too. That noise is simulated at the receiver, from a 32-bit seed
    that travels along so that both ends know the level: `awgn` adds N(0, level^2) to the values; `erasure` sends 8-bit codes
    round(255 W) and takes each bit away with probability `level`, half its weight standing in. The link's own channel comes on
    top.
    All is trained jointly from the start; BottleNet++'s separate phases are not offered.
    Sources: compression.md 2.3; published ADC code, methods/bottlenet.py (mlp); published BottleNet++ code,
    compression_module.py (conv; there a code of 256 wraps to 0 and the decoder is never transposed, here neither).
    Ledgers: paper the values sent over n d, code xi as asked for, both ways; 8-bit codes count a quarter upwards.

    xi       values sent over n d, which sets d': round(xi d), or round(xi n d / (1 + (s/2)^2)) if halved
    variant  `mlp` or `conv`
    output   what follows the decoder: `relu` as published, or `none`
    layers   linear layers of each side of the mlp; default 2
    halve    conv: 2 x 2 convolutions with stride 2, which quarter the number of patch tokens on the wire
    air      conv: what the simulated noise is, `awgn` or `erasure`
    noise    conv: greatest noise level, a standard deviation or a probability; 0 for none
    seed     of the initial weights; the run's where left out

    >>> from edgesim.codecs.base import Cut
    >>> BottleNet(Cut((197, 192)), xi=0.1).item
    (197, 19)
    """

    needs_tokens = True

    def __init__(
        self,
        cut: Cut,
        *,
        xi: Annotated[float, "(0, 1]"],
        variant: Variant = "mlp",
        output: Output = "relu",
        layers: Annotated[int, "[1, inf)"] | None = None,
        halve: bool = False,
        air: Air = "awgn",
        noise: Annotated[float, "[0, inf)"] = 0.0,
        seed: Annotated[int, "[0, inf)"] | None = None,
    ) -> None:
        super().__init__(cut)
        if len(cut.item) != 2:
            raise ValueError(f"bottlenet narrows rows of (tokens, width), got rows of shape {cut.item}")
        within("(0, 1]", xi=xi)
        one_of(variant=(variant, Variant), output=(output, Output), air=(air, Air))
        seed = 0 if seed is None else seed
        whole("[0, inf)", seed=seed)
        _check(variant, layers, halve, air, noise)
        self.xi, self.noise, self.halve = xi, noise, halve
        self.is_coded = air == "erasure"
        self.integer_values = self.is_coded
        self.tokens, self.width = cut.item
        self.side = _side(self.tokens, halve) if variant == "conv" else 0
        self.sent = 1 + (self.side // 2) ** 2 if halve else self.tokens
        self.narrow = min(round(xi * self.width * (self.tokens / self.sent)), cut.features // self.sent)
        if self.narrow < 1:
            raise ValueError(f"xi must leave at least one value a token: at least {0.5 / self.width:.2g}, got {xi}")
        self.widths = mlp_widths(self.width, self.narrow, layers or USUAL_LAYERS)
        self.client, self.server = self._networks(output == "relu", Generator().manual_seed(seed))

    def _networks(self, relu_last: bool, generator: Generator) -> tuple[nn.Module, nn.Module]:
        if not self.side:
            return mlp(self.widths, False, generator), mlp(self.widths[::-1], relu_last, generator)
        encoder = ConvEncoder(self.side, self.width, self.narrow, self.halve, generator)
        there = self.side // 2 if self.halve else self.side
        return encoder, ConvDecoder(there, self.width, self.narrow, self.halve, relu_last, generator)

    # -- sizes --------------------------------------------------------------------------------------------------------

    @property
    def item(self) -> tuple[int, ...]:
        return self.sent, self.narrow

    @property
    def _bits(self) -> int:
        return CODE_BITS if self.is_coded else FLOAT_BITS

    def manifest(self, batch: int) -> Manifest:
        values = Field("values", (batch, *self.item), self._bits, "values", analog=not self.is_coded)
        air = (Field("air_seed", (1,), SEED_BITS, "side", form="unsigned"),) if self.noise else ()
        base, ratios = self.cut.base_bits(batch), self.ratios(batch)
        fields = (values, *air, *self.cut.label_fields(batch))
        return Manifest(fields, base * ratios.paper_up, base * ratios.code_up)

    def ratios(self, batch: int) -> Ratios:
        true = self.sent * self.narrow / self.cut.features
        share = self._bits / FLOAT_BITS
        return Ratios(true * share, true, self.xi * share, self.xi)

    def flops(self, batch: int) -> tuple[float, float]:
        """2 FLOPs a product of the linear layers or convolutions, forward and for both gradients; norms are not counted."""
        once = 2.0 * BOTH_WAYS * batch
        if not self.side:
            products = self.tokens * sum(a * b for a, b in pairwise(self.widths))
            return once * products, once * products
        per_place = self.narrow * (4 if self.halve else 9) * (self.sent - 1)
        first = self.narrow * self.width
        return once * (per_place * (self.width + 1) + first), once * (per_place * self.width + first)

    # -- tensors ------------------------------------------------------------------------------------------------------

    def encode(self, smashed: Smashed, generator: Generator) -> Payload:
        z = smashed.x.float()
        tensors: dict[str, Tensor] = self.cut.label_tensors(smashed.labels)
        if self.noise:
            tensors["air_seed"] = torch.randint(2**SEED_BITS, (1,), generator=generator, device=generator.device).to(z.device)
        wire: Tensor = self.client(z, self._level(tensors)[0]) if self.side else self.client(z)
        tensors["values"] = (wire.detach() * 255.0).round().to(torch.uint8) if self.is_coded else wire.detach()
        manifest = self.manifest(len(z))
        return Payload(manifest, {item.name: tensors[item.name] for item in manifest.fields}, handle=wire)

    def _level(self, tensors: dict[str, Tensor]) -> tuple[float, Generator]:
        """The noise level of a message, and the stream that its noise comes from."""
        if not self.noise:
            return 0.0, Generator()
        stream = Generator().manual_seed(int(tensors["air_seed"]))
        return self.noise * float(torch.rand(1, generator=stream)), stream

    def receive(self, payload: Payload) -> Tensor:
        values = payload.tensors["values"]
        level, stream = self._level(payload.tensors)
        if self.is_coded:
            return erased(values, level, stream)
        if not self.noise:
            return values
        return values + level * torch.randn(values.shape, generator=stream).to(values.device)

    def expand(self, wire: Tensor, payload: Payload) -> Smashed:
        return Smashed(self.server(wire), payload.tensors.get("labels"))


def _side(tokens: int, halve: bool) -> int:
    """s, of s x s patch tokens. ValueError where they are no square, or none that can be halved."""
    side = math.isqrt(max(tokens - 1, 0))
    if side * side != tokens - 1 or side < 2:
        raise ValueError(f"variant=conv needs a class token and a square of patch tokens, got {tokens} tokens; use mlp")
    if halve and (side % 2 or side < 4):
        raise ValueError(f"halve needs an even number of patch tokens a side, at least 4, got {side}")
    return side


def _check(variant: Variant, layers: int | None, halve: bool, air: Air, noise: float) -> None:
    """ValueError for knobs that the variant has no use for, or that contradict each other."""
    if layers is not None:
        whole("[1, inf)", layers=layers)
    within("[0, 1]" if air == "erasure" else "[0, inf)", noise=noise)
    if variant == "mlp" and (halve or air != "awgn" or noise):
        raise ValueError(f"halve, air and noise belong to variant=conv; got halve={halve}, air={air}, noise={noise}")
    if variant == "conv" and layers is not None:
        raise ValueError(f"layers belongs to variant=mlp; got layers={layers}")
