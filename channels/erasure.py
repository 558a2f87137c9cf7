"""Independent erasures."""

import math
from typing import Annotated

import numpy as np
import torch
from torch import Generator, Tensor

from channels import units
from channels.base import Channel, Draws, Equaliser, check_packets
from channels.blocks import constant
from channels.equalise import transmit

LOST = 6  # purpose of the random streams that decide over packets


class Erasure(Channel):
    """Packets, or single analog values, that vanish independently of each other and of any SNR.

    loss        share of packets lost
    value_loss  share of the values of an analog transfer that arrive as 0 instead
    snr_db      signal-to-noise ratio Es/N0 per complex symbol; without it there is no noise [dB]

    >>> Erasure(loss=0.25).losses(start_s=0.0, packets=8, packet_s=1e-3, key=2).tolist()
    [False, False, False, False, False, True, False, False]
    """

    def __init__(
        self,
        *,
        loss: Annotated[float, "[0, 1]"],
        value_loss: Annotated[float, "[0, 1]"] = 0.0,
        snr_db: Annotated[float, "(-inf, inf]"] | None = None,
    ) -> None:
        for name, share in {"loss": loss, "value_loss": value_loss}.items():
            if not 0.0 <= share <= 1.0:
                raise ValueError(f"{name} must be in [0, 1], got {share}")
        self.loss = loss
        self.value_loss = value_loss
        self.snr = math.inf if snr_db is None else units.mean_snr(snr_db)

    def draws(self, start_s: float, blocks: int, key: int) -> Draws:
        """One block without end."""
        return constant(1.0, self.snr)

    def apply(self, x: Tensor, draws: Draws, generator: Generator, *, equaliser: Equaliser = "zf") -> Tensor:
        """x plus noise, if any, with a share `value_loss` of the values 0; no gradient passes where they were."""
        arrived = transmit(x, draws, generator, equaliser)
        if self.value_loss == 0.0:
            return arrived
        gone = torch.rand(x.shape, generator=generator, device=generator.device).lt(self.value_loss).to(x.device)
        return arrived.masked_fill(gone, 0.0)

    def losses(self, start_s: float, packets: int, packet_s: float, key: int) -> np.ndarray:
        """Which packets are lost, [packets] bool; see `Channel.losses`."""
        check_packets(start_s, packets, packet_s, key)
        return lost_at_random(np.full(packets, self.loss), start_s, key)


def lost_at_random(probability: np.ndarray, start_s: float, key: int) -> np.ndarray:
    """Which packets of a train that begins at `start_s` [s] are lost, each with its own `probability`; [packets] bool.

    A train is one random stream, numbered by its beginning: a packet's fate depends on no packet after it.
    """
    beginning = np.float64(start_s + 0.0).view(np.uint64)  # -0.0 is 0.0
    counter = np.array([0, beginning, 0, LOST], dtype=np.uint64)
    uniform = np.random.Generator(np.random.Philox(key=key, counter=counter)).random(len(probability))
    lost: np.ndarray = uniform < probability
    return lost
