"""What an analog link does to the tensors of a payload."""

import numpy as np
import torch
from torch import Tensor

from channels.base import Channel, Draws, Equaliser
from edgesim import rng
from edgesim.wire import Payload

TINY = 1e-30  # an all-zero message has no power to normalise


class AnalogAir:
    """Normalises the analog values of a message to unit power, sends them through the channel, and undoes the scale.

    One scale for the whole message; the transport charges it as 32 bits of side information (phy.md 11.2). The noise is a
    function of the seed and of the number of the transfer, so it does not depend on what was sent before.
    """

    def __init__(self, channel: Channel, equaliser: Equaliser, seed: int) -> None:
        self._channel = channel
        self._equaliser = equaliser
        self._seed = seed

    def __call__(self, payload: Payload, draws: Draws | None, transfer: int) -> Payload:
        """The payload as received; the tensors that are not analog are passed on untouched."""
        analog = [item.name for item in payload.manifest.fields if item.analog]
        if draws is None or not analog or np.isinf(draws.snr).all():
            return payload  # without noise even the rounding of scaling to unit power and back is spared
        generator = torch.Generator().manual_seed(rng.seed(self._seed, transfer))
        sent = [payload.tensors[name] for name in analog]
        flat = torch.cat([tensor.reshape(-1).float() for tensor in sent])  # [sum of counts]
        scale = flat.square().mean().sqrt().clamp_min(TINY)
        received = scale * self._channel.apply(flat / scale, draws, generator, equaliser=self._equaliser)
        parts = torch.split(received, [tensor.numel() for tensor in sent])
        arrived = {name: _like(part, tensor) for name, part, tensor in zip(analog, parts, sent, strict=True)}
        return Payload(payload.manifest, payload.tensors | arrived)


def _like(part: Tensor, tensor: Tensor) -> Tensor:
    return part.reshape(tensor.shape).to(tensor.dtype)
