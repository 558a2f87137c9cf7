"""The channel that does nothing."""

from torch import Generator, Tensor

from channels.base import Channel, Draws, Equaliser
from channels.blocks import constant
from channels.equalise import transmit


class Ideal(Channel):
    """A perfect channel: no noise, no fading.

    y = x; the SNR is infinite, so the rate is whatever the radio is capped at.
    """

    def draws(self, start_s: float, blocks: int, key: int) -> Draws:
        """One block without end."""
        return constant(1.0, float("inf"))

    def apply(self, x: Tensor, draws: Draws, generator: Generator, *, equaliser: Equaliser = "zf") -> Tensor:
        """x itself."""
        return transmit(x, draws, generator, equaliser)
