"""The binary symmetric channel."""

import math
from typing import Annotated

from channels import units
from channels.base import Channel, Draws
from channels.blocks import constant


class BitFlip(Channel):
    """Bits that arrive inverted, independently of each other and of any SNR: a binary symmetric channel.

    Capacity 1 + p log2 p + (1 - p) log2(1 - p) bit per bit. It has no effect on transports that deliver what was sent.

    bit_error_rate  p, the probability that a bit is inverted
    snr_db          signal-to-noise ratio Es/N0 per complex symbol; without it there is no noise [dB]

    >>> round(BitFlip(bit_error_rate=0.11).capacity(), 3)
    0.5
    """

    def __init__(
        self,
        *,
        bit_error_rate: Annotated[float, "[0, 0.5]"],
        snr_db: Annotated[float, "(-inf, inf]"] | None = None,
    ) -> None:
        if not 0.0 <= bit_error_rate <= 0.5:
            raise ValueError(f"bit_error_rate must be in [0, 0.5], got {bit_error_rate}")
        self.bit_error_rate = bit_error_rate
        self.snr = math.inf if snr_db is None else units.mean_snr(snr_db)

    def draws(self, start_s: float, blocks: int, key: int) -> Draws:
        """One block without end."""
        return constant(1.0, self.snr)

    def capacity(self) -> float:
        """1 - H(p): what a code carries per bit sent [bit]."""
        p = self.bit_error_rate
        return 1.0 if p == 0.0 else 1.0 + p * math.log2(p) + (1.0 - p) * math.log2(1.0 - p)
