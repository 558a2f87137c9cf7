"""Losses in bursts: the two-state chain of Gilbert (1960) and Elliott (1963), and where its numbers come from (phy.md 3.2).

Per packet the chain goes from good to bad with probability p and back with probability r. It is written (p, r) throughout.
"""

import math
from typing import NamedTuple

from scipy import special

SLOW = 1e5  # arguments of Q1 above which a difference of two is lost in rounding; fades are then 1e5 packets long or more


class Chain(NamedTuple):
    """Transition probabilities per packet, p from good to bad, r from bad to good."""

    p: float
    r: float

    @property
    def bad(self) -> float:
        """p / (p + r): how much of the time the state is bad."""
        return self.p / (self.p + self.r)

    @property
    def memory(self) -> float:
        """1 - p - r: correlation of the states of neighbouring packets; its k-th power over k packets."""
        return 1.0 - self.p - self.r

    @property
    def mean_burst(self) -> float:
        """1 / r: mean length of a bad run [packets]."""
        return 1.0 / self.r

    def loss(self, loss_good: float = 0.0, loss_bad: float = 1.0) -> float:
        """Share of packets lost, where a good and a bad state lose these shares."""
        return (1.0 - self.bad) * loss_good + self.bad * loss_bad


def chain(loss: float, mean_burst: float) -> Chain:
    """r = 1 / B, p = L r / (1 - L): the chain that loses a share L of packets in runs of B packets on average.

    Raises ValueError unless 0 < L < 1, B >= 1 and L < B / (B + 1), beyond which runs cannot be so short.

    >>> chain(loss=0.2, mean_burst=8.0)
    Chain(p=0.03125, r=0.125)
    """
    if not (0.0 < loss < 1.0 and mean_burst >= 1.0):
        raise ValueError(f"need 0 < loss < 1 and mean_burst >= 1, got {loss} and {mean_burst}")
    if not loss < mean_burst / (mean_burst + 1.0):
        raise ValueError(
            f"loss {loss} in bursts of {mean_burst} packets: the good runs between them would be shorter than a packet"
        )
    r = 1.0 / mean_burst
    return Chain(loss * r / (1.0 - loss), r)


def sampled(bad: float, burst_s: float, packet_s: float) -> Chain:
    """The chain seen by packets every `packet_s` [s] of a state that is bad a share `bad` of the time, `burst_s` [s] on end.

    In continuous time the state leaves good at rate a and bad at rate b = 1/burst_s, a = b bad / (1 - bad). Over a time T its
    memory is e^(-(a + b) T), so p = bad (1 - memory) and r = (1 - bad) (1 - memory).
    """
    if not (0.0 < bad < 1.0 and burst_s > 0.0 and packet_s > 0.0):
        raise ValueError(f"need 0 < bad < 1, burst_s > 0 and packet_s > 0; got {bad}, {burst_s} and {packet_s}")
    forgotten = -math.expm1(-packet_s / (burst_s * (1.0 - bad)))  # a + b = b / (1 - bad)
    return Chain(bad * forgotten, (1.0 - bad) * forgotten)


def burst_length(chain: Chain, packet_s: float) -> float:
    """The mean time on end [s] that a continuous state must be bad for packets every `packet_s` [s] to see `chain`.

    Raises ValueError for a chain without positive memory, which no continuous state has.
    """
    if not 0.0 < chain.memory < 1.0:
        raise ValueError(f"a chain of memory {chain.memory} is not what packets see of a state that changes in continuous time")
    return -packet_s / (math.log(chain.memory) * (1.0 - chain.bad))


def from_fading(margin: float, doppler_s: float) -> Chain:
    """The chain of packets that fail while a Rayleigh fade is deeper than `margin` (Zorzi, Rao & Milstein, ICUPC 1995).

    With F = mean SNR / SNR needed, rho = J0(2 pi f_D T), T the time between packets, and t = sqrt(2 / (F (1 - rho^2))):
    bad = 1 - e^(-1/F),  r = (Q1(t, rho t) - Q1(rho t, t)) / (e^(1/F) - 1).

    margin     F, linear
    doppler_s  f_D T
    """
    if not (margin > 0.0 and doppler_s > 0.0):
        raise ValueError(f"margin and doppler_s must be positive, got {margin} and {doppler_s}")
    rho = abs(float(special.j0(2.0 * math.pi * doppler_s)))
    forgotten = 1.0 - rho**2 if doppler_s > 1e-4 else 2.0 * (math.pi * doppler_s) ** 2  # without cancellation
    t = math.sqrt(2.0 / (margin * forgotten))
    if t < SLOW:
        r = (_marcum(t, rho * t) - _marcum(rho * t, t)) / math.expm1(1.0 / margin)
    else:  # a packet over the mean duration of a fade
        r = math.sqrt(2.0 * math.pi / margin) * doppler_s / math.expm1(1.0 / margin)
    bad = -math.expm1(-1.0 / margin)
    return Chain(r * bad / (1.0 - bad), r)


def _marcum(a: float, b: float) -> float:
    """Marcum's Q1(a, b)."""
    return 1.0 - float(special.chndtr(b * b, 2.0, a * a))
