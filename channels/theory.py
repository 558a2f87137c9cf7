"""Closed forms of wireless links: capacity, outage, bit error rates, analog distortion. A number in, a number out; or arrays.

`snr` is Es/N0 per complex symbol, linear; `mean_snr` its mean over the fading. Numbers in brackets are sections of phy.md.
Those of longer derivation have files of their own and are here by name: the bits of QAM (`bit_error_rates`), coded blocks
(`coding`), repetition (`harq`), losses in bursts (`bursts`), level crossings (`crossings`), laws of the gain (`laws`).
"""

import math
from collections.abc import Callable

import numpy as np
from scipy import special

from channels.bit_error_rates import averaged_bit_errors as averaged_bit_errors
from channels.bit_error_rates import bit_error_rate as bit_error_rate
from channels.bit_error_rates import bit_errors as bit_errors
from channels.bit_error_rates import nakagami_bit_errors as nakagami_bit_errors
from channels.bit_error_rates import packet_error_rate as packet_error_rate
from channels.bit_error_rates import rayleigh_bit_errors as rayleigh_bit_errors
from channels.bit_error_rates import rician_bit_errors as rician_bit_errors
from channels.bursts import burst_length as burst_length
from channels.coding import block_error_rate as block_error_rate
from channels.crossings import clarke_autocorrelation as clarke_autocorrelation
from channels.crossings import nakagami_crossing_rate as nakagami_crossing_rate
from channels.crossings import nakagami_fade_duration as nakagami_fade_duration
from channels.crossings import rayleigh_crossing_rate as rayleigh_crossing_rate
from channels.crossings import rayleigh_fade_duration as rayleigh_fade_duration
from channels.crossings import rician_crossing_rate as rician_crossing_rate
from channels.crossings import rician_fade_duration as rician_fade_duration
from channels.harq import mean_attempts as mean_attempts
from channels.harq import residual_loss as residual_loss
from channels.laws import nakagami_capacity as nakagami_capacity
from channels.laws import nakagami_cdf as nakagami_cdf
from channels.laws import nakagami_quantile as nakagami_quantile
from channels.laws import rayleigh_capacity as rayleigh_capacity
from channels.laws import rayleigh_cdf as rayleigh_cdf
from channels.laws import rayleigh_quantile as rayleigh_quantile
from channels.laws import rician_capacity as rician_capacity
from channels.laws import rician_cdf as rician_cdf
from channels.laws import rician_quantile as rician_quantile
from channels.units import Real as Real

# -- rates ------------------------------------------------------------------------------------------------------------------


def capacity(snr: Real, gap: float = 1.0) -> Real:
    """log2(1 + snr / gap): Shannon capacity, or what a code and modulation `gap` (linear) away from it carries [bit/symbol].

    Goldsmith & Chua 1997 [6.5].
    """
    rate: Real = np.log1p(snr / gap) / math.log(2.0)
    return rate


def snr_for(rate: Real, gap: float = 1.0) -> Real:
    """(2^rate - 1) gap: the SNR at which `capacity` is `rate` [bit/symbol]."""
    snr: Real = np.expm1(rate * math.log(2.0)) * gap
    return snr


def qam_gap(bit_error_rate: float) -> float:
    """-ln(5 P) / 1.5: the gap of uncoded square QAM at bit error rate P < 0.2 (Goldsmith & Chua 1997) [6.5]."""
    if not 0.0 < bit_error_rate < 0.2:
        raise ValueError(f"bit_error_rate must be in (0, 0.2), got {bit_error_rate}")
    return -math.log(5.0 * bit_error_rate) / 1.5


def outage_probability(rate: Real, mean_snr: float, cdf: Callable[[Real], Real]) -> Real:
    """F((2^rate - 1) / mean_snr): how often a block cannot carry `rate` [bit/symbol]; `cdf` is F, the gain's [6.5]."""
    return cdf(snr_for(rate) / mean_snr)


def outage_capacity(epsilon: Real, mean_snr: float, quantile: Callable[[Real], Real]) -> Real:
    """log2(1 + mean_snr F^-1(epsilon)): the rate lost in a share `epsilon` of the blocks [bit/symbol] [6.5]."""
    gain = quantile(epsilon)
    return capacity(mean_snr * gain if mean_snr < math.inf else gain + math.inf)


# -- bit error rates --------------------------------------------------------------------------------------------------------


def ber_bpsk(snr: Real) -> Real:
    """erfc(sqrt snr) / 2 over AWGN [5.2]."""
    rate: Real = special.erfc(np.sqrt(snr)) / 2.0
    return rate


def ber_qpsk(snr: Real) -> Real:
    """erfc(sqrt(snr / 2)) / 2 over AWGN: each bit has half the symbol's energy [5.2]."""
    return ber_bpsk(snr / 2.0)


def rayleigh_ber_bpsk(mean_snr: Real) -> Real:
    """(1 - sqrt(m / (1 + m))) / 2 averaged over Rayleigh fading, m = mean_snr [5.3]."""
    share = 1.0 / (1.0 + mean_snr)
    rate: Real = 0.5 * share / (1.0 + np.sqrt(1.0 - share))  # the difference without cancellation
    return rate


def rayleigh_ber_qpsk(mean_snr: Real) -> Real:
    """`rayleigh_ber_bpsk` at half the SNR [5.3]."""
    return rayleigh_ber_bpsk(mean_snr / 2.0)


# -- analog values ----------------------------------------------------------------------------------------------------------


def zf_distortion(snr: Real) -> Real:
    """1 / snr: mean square error per value of unit mean square after zero forcing [11]."""
    return 1.0 / snr


def mmse_distortion(snr: Real) -> Real:
    """1 / (1 + snr): the same after MMSE equalisation [11]."""
    return 1.0 / (1.0 + snr)


def rayleigh_mmse_distortion(mean_snr: Real) -> Real:
    """E 1 / (1 + g m), g ~ Exp(1), m = mean_snr: e^(1/m) E1(1/m) / m. Zero forcing has no finite mean [11]."""
    return rayleigh_capacity(mean_snr) * math.log(2.0) / mean_snr


def least_distortion(snr: Real, symbols_per_value: float = 0.5) -> Real:
    """(1 + snr)^(-2 n): no code of n symbols per Gaussian value of unit variance does better (OPTA; Goblick 1965) [11].

    With D = 2^(-2 R) of the rate R = n log2(1 + snr) bit per real value; n = 1/2 sends two values in a symbol.
    """
    least: Real = (1.0 + snr) ** (-2.0 * symbols_per_value)
    return least
