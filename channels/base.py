"""The interface of a channel: a draw as a function of absolute time, and its action on values.

One convention throughout: the SNR is Es/N0 per complex symbol of unit mean power; a complex symbol carries two real values, and
noise has variance N0/2 per real dimension. For real values of unit mean square the noise variance per value is therefore
1/(g snr), g = |h|^2.
"""

import math
from abc import ABC, abstractmethod
from typing import Literal, NamedTuple

import numpy as np
from torch import Generator, Tensor

Equaliser = Literal["zf", "mmse"]
ROUNDING = 1e-9  # relative: sums over millions of blocks differ by as much with the order of addition


class Draws(NamedTuple):
    """One realisation, per coherence block of one transfer.

    gain     [blocks] |h|^2, mean 1 over the fading
    snr      [blocks] linear SNR, gain included; inf without noise
    seconds  [blocks] length of each block from the start of the transfer on (the first is what is left of its block)
    """

    gain: np.ndarray
    snr: np.ndarray
    seconds: np.ndarray

    def during(self, seconds: float) -> "Draws":
        """The part of the realisation that a transfer of `seconds` seconds sees. Raises ValueError beyond its end.

        A transfer that fills the realisation exactly may exceed it by the rounding of the caller's sums.
        """
        ends = np.cumsum(self.seconds)
        if not 0.0 <= seconds <= ends[-1] * (1.0 + ROUNDING):
            raise ValueError(f"draws cover {ends[-1]} s, asked for {seconds} s")
        last = min(int(np.searchsorted(ends, seconds)), len(ends) - 1)
        kept = self.seconds[: last + 1].copy()
        kept[-1] = seconds - (ends[last - 1] if last else 0.0)
        return Draws(self.gain[: last + 1], self.snr[: last + 1], kept)


class Channel(ABC):
    """A wireless channel. Abstract: subclass it, one final subclass a file; keyword-only parameters are its knobs.

    bit_error_rate  probability that the channel inverts a bit after decoding, whatever the SNR (a binary symmetric channel)
    own_scale       `apply` takes values of any scale, [..., width], and sets its noise by them (adc_reference); otherwise they
                    come with unit mean square
    """

    bit_error_rate: float = 0.0
    own_scale: bool = False

    @abstractmethod
    def draws(self, start_s: float, blocks: int, key: int) -> Draws:
        """The next `blocks` coherence blocks from absolute time `start_s` [s] on, for the link whose seed is `key`.

        A pure function of its arguments: the same instant of the same link gives the same gain whatever was asked before.
        """

    @abstractmethod
    def apply(self, x: Tensor, draws: Draws, generator: Generator, *, equaliser: Equaliser = "zf") -> Tensor:
        """Send real values of unit mean square and equalise them with perfect channel knowledge.

        x [..., n] float -> [..., n] float, same shape and dtype, differentiable in x. Values are sent in order, two to a
        symbol; symbols are spread over the blocks of `draws` in proportion to their seconds.
        """

    def losses(self, start_s: float, packets: int, packet_s: float, key: int) -> np.ndarray:
        """Which packets the air loses whatever their SNR, [packets] bool. A pure function of its arguments, like `draws`.

        start_s   when the first of the packets begins; they are sent back to back [s]
        packets   how many
        packet_s  length of one packet [s]
        key       the seed of the link

        Here: none. Raises ValueError for a negative number of packets, or a time that is negative or not finite.
        """
        check_packets(start_s, packets, packet_s, key)
        return np.zeros(packets, dtype=np.bool_)


def check_packets(start_s: float, packets: int, packet_s: float, key: int) -> None:
    """Raise ValueError unless these are arguments for `Channel.losses`."""
    if not (0.0 <= start_s < math.inf and packets >= 0 and 0.0 <= packet_s < math.inf and key >= 0):
        given = f"{start_s}, {packets}, {packet_s}, {key}"
        raise ValueError(f"need 0 <= start_s < inf, packets >= 0, 0 <= packet_s < inf and key >= 0; got {given}")
