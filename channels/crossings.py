"""How often a fading amplitude crosses a level, and how long it stays below: second-order statistics (phy.md 3.1).

`ratio` is the level over the root mean square amplitude, rho = R / R_rms; `doppler_hz` the largest Doppler shift f_D [Hz].
"""

import math

import numpy as np
from scipy import special

from channels.laws import nakagami_cdf, rician_cdf
from channels.units import Real


def clarke_autocorrelation(lag_s: Real, doppler_hz: float) -> Real:
    """E h(t + lag) h*(t) = J0(2 pi f_D lag) of isotropic scattering (Clarke 1968)."""
    correlation: Real = special.j0(2.0 * math.pi * doppler_hz * lag_s)
    return correlation


def rayleigh_crossing_rate(ratio: Real, doppler_hz: float) -> Real:
    """sqrt(2 pi) f_D rho e^(-rho^2): downward crossings per second [Hz]."""
    rate: Real = math.sqrt(2.0 * math.pi) * doppler_hz * ratio * np.exp(-(ratio**2))
    return rate


def rayleigh_fade_duration(ratio: Real, doppler_hz: float) -> Real:
    """(e^(rho^2) - 1) / (rho f_D sqrt(2 pi)): mean time below the level [s]."""
    duration: Real = np.expm1(ratio**2) / (ratio * doppler_hz * math.sqrt(2.0 * math.pi))
    return duration


def rician_crossing_rate(ratio: Real, doppler_hz: float, k: float) -> Real:
    """sqrt(2 pi (K + 1)) f_D rho e^(-K - (K + 1) rho^2) I0(2 rho sqrt(K (K + 1))): downward crossings per second [Hz].

    For a direct path without Doppler shift. k is linear.
    """
    argument = 2.0 * ratio * math.sqrt(k * (k + 1.0))
    exponent = argument - k - (k + 1.0) * ratio**2
    rate: Real = math.sqrt(2.0 * math.pi * (k + 1.0)) * doppler_hz * ratio * np.exp(exponent) * special.ive(0, argument)
    return rate


def rician_fade_duration(ratio: Real, doppler_hz: float, k: float) -> Real:
    """F(rho^2) over the crossing rate: mean time below the level [s]."""
    duration: Real = rician_cdf(ratio**2, k) / rician_crossing_rate(ratio, doppler_hz, k)
    return duration


def nakagami_crossing_rate(ratio: Real, doppler_hz: float, m: float) -> Real:
    """Downward crossings per second [Hz] of g = F_m^-1(1 - e^(-|h|^2)), h Clarke's process (`channels.nakagami`).

    The map from |h| is monotone, so g crosses where |h| does: `rayleigh_crossing_rate` at the level of equal probability.
    """
    below, above = nakagami_cdf(ratio**2, m), special.gammaincc(m, m * ratio**2)  # above = e^(-rho'^2), rho' that level
    squared = np.where(below < 0.5, -np.log1p(-np.minimum(below, 0.5)) * above, special.entr(above))  # rho'^2 e^(-rho'^2)
    rate: Real = math.sqrt(2.0 * math.pi) * doppler_hz * np.sqrt(squared) * np.sqrt(above)
    return rate


def nakagami_fade_duration(ratio: Real, doppler_hz: float, m: float) -> Real:
    """F(rho^2) over the crossing rate: mean time below the level [s]."""
    duration: Real = nakagami_cdf(ratio**2, m) / nakagami_crossing_rate(ratio, doppler_hz, m)
    return duration
