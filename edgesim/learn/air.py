"""What the air does to the tensors of a payload: noise on values sent as symbols, missing packets, wrong bits.

Which values are hit is decided in simulated time, without tensors; here it is done to them.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from channels import corruption
from channels.base import Channel, Draws, Equaliser
from channels.equalise import laid, shares
from edgesim import rng
from edgesim.codecs.parts.pack import packed_field, unpacked_field
from edgesim.errors import RunError
from edgesim.wire import Below, Field, Payload, Subset

TINY = 1e-30  # an all-zero message has no power to normalise
SQUARABLE = (1e-15, 1e15)  # root mean squares between these are safe to square in float32, over any message
Fill = Literal["zero", "last"]
Guard = Literal["clamp", "zero", "raise", "off"]


class AnalogAir:
    """Normalises the analog values of a message to unit power, sends them through the channel, and undoes the scale.

    One scale for the whole message; the transport charges it as 32 bits of side information (phy.md 11.2). The noise is a
    function of the seed and of the number of the transfer, so it does not depend on what was sent before. Values in blocks
    of SNR 0 were not sent (truncated inversion) and are taken as 0. Raises RunError for values that are not finite.
    """

    def __init__(self, channel: Channel, equaliser: Equaliser, seed: int) -> None:
        self._channel = channel
        self._equaliser = equaliser
        self._seed = seed
        self.caught: dict[str, int] = {}

    def __call__(self, payload: Payload, draws: Draws | None, transfer: int) -> Payload:
        """The payload as received; the tensors that are not analog are passed on untouched."""
        analog = [item.name for item in payload.manifest.fields if item.analog]
        if draws is None or not analog or np.isinf(draws.snr).all():
            return payload  # without noise even the rounding of scaling to unit power and back is spared
        generator = torch.Generator().manual_seed(rng.seed(self._seed, transfer))
        sent = [payload.tensors[name] for name in analog]
        for name, tensor in zip(analog, sent, strict=True):
            if not bool(tensor.isfinite().all()):
                raise RunError(
                    f"{name} holds a value that is not finite, which no symbol can carry: training diverged; lower lr"
                )
        if self._channel.own_scale:
            arrived = [self._channel.apply(tensor, draws, generator, equaliser=self._equaliser) for tensor in sent]
            return replace(payload, tensors=payload.tensors | dict(zip(analog, arrived, strict=True)))
        flat = torch.cat([tensor.reshape(-1).float() for tensor in sent])  # [sum of counts]
        scale = _rms(flat)
        draws = laid(draws, -(-flat.numel() // 2))
        silent = draws.snr == 0.0
        heard = draws._replace(snr=np.where(silent, np.inf, draws.snr))
        received = scale * self._channel.apply(flat / scale, heard, generator, equaliser=self._equaliser)
        sizes = [tensor.numel() for tensor in sent]
        missing: dict[str, Tensor] = {}
        if silent.any():
            lost = torch.from_numpy(np.repeat(silent, shares(draws.seconds, flat.numel()))).to(flat.device)
            received = received.masked_fill(lost, 0.0)
            parts = zip(analog, torch.split(lost, sizes), sent, strict=True)
            missing = {name: part.view(tensor.shape) for name, part, tensor in parts}
        arrived = [_like(part, tensor) for part, tensor in zip(torch.split(received, sizes), sent, strict=True)]
        return replace(payload, tensors=payload.tensors | dict(zip(analog, arrived, strict=True)), missing=missing)


class ErasingAir:
    """Puts something in the place of values that are missing.

    fill  `zero`, for codes the middle one (0 for codes of one bit, and for the bits of packed codes); `last`, the value before
          the gap in the message's own order (0 where there is none). A lost set is taken for the first of all sets
    """

    def __init__(self, fill: Fill) -> None:
        self._fill = fill
        self.caught: dict[str, int] = {"erased_values": 0}

    def __call__(self, payload: Payload, erased: Mapping[str, np.ndarray] | None, transfer: int) -> Payload:
        """The payload as received."""
        if erased is None:
            return payload
        arrived, missing = dict(payload.tensors), {}
        for item in payload.manifest.fields:
            if item.name in erased:
                # a message may be smaller than announced: what it does not have cannot be missing
                lost = erased[item.name][: item.count]
                self.caught["erased_values"] += int(lost.sum())
                tensor = arrived[item.name]
                arrived[item.name] = self._filled(tensor, item, lost)
                missing[item.name] = torch.from_numpy(lost).to(tensor.device).view(item.shape)
        return replace(payload, tensors=arrived, missing=missing)

    def _filled(self, tensor: Tensor, item: Field, lost: np.ndarray) -> Tensor:
        flat = tensor.reshape(item.count, -1)  # [count, what is coded jointly]
        # Where nothing is known, numbers are 0 and a set has the first members that it may have.
        start = torch.arange(flat.shape[1]) if isinstance(item.form, Subset) else torch.zeros(1, dtype=torch.int64)
        start = start.to(flat).expand(1, flat.shape[1])
        if self._fill == "last":
            place = np.where(lost, 0, np.arange(1, item.count + 1))
            before = torch.from_numpy(np.maximum.accumulate(place)).to(flat.device)  # 0: nothing has arrived yet
            return torch.cat([start, flat])[before].reshape(tensor.shape)
        is_code = not tensor.is_floating_point() and item.role == "values" and item.bits_each > 1
        empty = start + (1 << (item.bits_each - 1)) if is_code else start
        return torch.where(torch.from_numpy(lost).to(flat.device)[:, None], empty, flat).reshape(tensor.shape)


class FlippingAir:
    """Inverts bits of a payload, and looks at what became of real values.

    guard   `clamp` moves values beyond the range that was sent to its nearer end and takes its middle for NaN, `zero` takes 0
            for both, `raise` stops at a value that is not finite, `off` does nothing
    caught  values of either sort so far, whatever the guard then did
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self.caught: dict[str, int] = {"nonfinite_values": 0, "clamped_values": 0}

    def __call__(self, payload: Payload, flips: Mapping[str, np.ndarray] | None, transfer: int) -> Payload:
        """The payload as received."""
        if flips is None:
            return payload
        arrived = dict(payload.tensors)
        for item in payload.manifest.fields:
            if item.name in flips:
                clean = arrived[item.name]
                wrong = inverted(clean, item, flips[item.name])
                arrived[item.name] = self._guarded(wrong, clean) if item.analog else wrong
        return replace(payload, tensors=arrived)

    def _guarded(self, wrong: Tensor, clean: Tensor) -> Tensor:
        low, high = torch.aminmax(clean)
        finite = wrong.isfinite()
        outside = finite & ((wrong < low) | (wrong > high))
        self.caught["nonfinite_values"] += int((~finite).sum())
        self.caught["clamped_values"] += int(outside.sum())
        if self._guard == "raise" and not bool(finite.all()):
            raise RunError("a bit error made a value that is not finite: protect the values, raise the SNR, or set a guard")
        if self._guard == "clamp":
            return torch.where(wrong.isnan(), (low + high) / 2, wrong.clamp(low, high)).to(wrong.dtype)
        if self._guard == "zero":
            return torch.where(finite & ~outside, wrong, torch.zeros_like(wrong))
        return wrong


def inverted(tensor: Tensor, item: Field, places: np.ndarray) -> Tensor:
    """A copy of a field's tensor in which the bits at `places` are inverted, counted from the first entry's highest bit.

    What no sender writes is read as something that there is (edgesim/codecs/parts/pack.py).
    Raises RunError for a field whose entries are neither sets nor single numbers of `bits_each` bits.
    """
    # a message may be smaller than announced: what it does not have cannot be wrong
    places = places[places < item.bits]
    if isinstance(item.form, Subset):
        wrong = corruption.flipped(torch.from_numpy(packed_field(item, tensor)), places)
        return unpacked_field(item, wrong.numpy()).to(tensor)
    real = tensor.is_floating_point()
    if tensor.numel() != item.count or (real and tensor.element_size() * 8 != item.bits_each):
        raise RunError(f"bit errors cannot be placed in {item.name}: its entries are coded jointly; set protect_side: true")
    wrong = corruption.flipped(tensor, places, None if real else item.bits_each)
    return wrong.clamp_max(item.form.bound - 1) if isinstance(item.form, Below) else wrong


def _rms(values: Tensor) -> Tensor:
    """Root mean square of values [n], at least `TINY`; also where their squares would leave the range of float32."""
    plain = values.square().mean().sqrt()
    if not values.numel() or SQUARABLE[0] < float(plain) < SQUARABLE[1]:
        return plain
    largest = values.abs().amax().clamp_min(TINY)
    return (largest * (values / largest).square().mean().sqrt()).clamp_min(TINY)


def _like(part: Tensor, tensor: Tensor) -> Tensor:
    return part.reshape(tensor.shape).to(tensor.dtype)
