"""Additive white Gaussian noise."""

from typing import Annotated

from channels import theory, units
from channels.base import Channel, Draws
from channels.blocks import constant


class AWGN(Channel):
    """Additive white Gaussian noise of constant power.

    y = s + n per complex symbol,  E|s|^2 = 1,  n ~ CN(0, 1/snr),  snr = 10^(snr_db/10).

    snr_db  signal-to-noise ratio Es/N0 per complex symbol; inf is a channel without noise [dB]

    >>> round(AWGN(snr_db=10.0).capacity(), 3)
    3.459
    """

    def __init__(self, *, snr_db: Annotated[float, "(-inf, inf]"]) -> None:
        self.snr_db = snr_db
        self.snr = units.mean_snr(snr_db)

    def draws(self, start_s: float, blocks: int, key: int) -> Draws:
        """One block without end."""
        return constant(1.0, self.snr)

    def capacity(self) -> float:
        """log2(1 + snr) [bit/symbol]."""
        return float(theory.capacity(self.snr))
