"""Decibels and thermal noise. Decibels live at the edge: everything inside is linear and in SI units."""

import math
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Real = TypeVar("Real", float, NDArray[np.float64])

LIGHT_M_PER_S = 299_792_458.0  # exact
BOLTZMANN = 1.380649e-23  # [J/K], exact since the SI of 2019
ROOM_K = 290.0  # the temperature that noise figures refer to (IEEE); 3GPP's -174 dBm/Hz is this one rounded


def linear(db: float) -> float:
    """10^(db/10), a power ratio; inf beyond the range of float64.

    >>> linear(20.0)
    100.0
    """
    try:
        return float(10.0 ** (db / 10.0))
    except OverflowError:
        return math.inf


def decibel(ratio: float) -> float:
    """10 log10(ratio) of a power ratio [dB]; -inf for 0. Raises ValueError for a negative ratio.

    >>> decibel(100.0)
    20.0
    """
    if not ratio >= 0.0:
        raise ValueError(f"ratio must not be negative, got {ratio}")
    return 10.0 * math.log10(ratio) if ratio > 0.0 else -math.inf


def watts(dbm: float) -> float:
    """Power [W] of a level in dB over one milliwatt [dBm].

    >>> watts(30.0)
    1.0
    """
    return linear(dbm - 30.0)


def dbm(power_w: float) -> float:
    """Level [dBm] of a power [W].

    >>> dbm(1.0)
    30.0
    """
    return decibel(power_w) + 30.0


def noise_dbm(bandwidth_hz: float, noise_figure_db: float = 0.0, temperature_k: float = ROOM_K) -> float:
    """Noise power k T B F at a receiver's input [dBm] (phy.md 1).

    bandwidth_hz     noise bandwidth [Hz]
    noise_figure_db  noise figure of the receiver [dB]
    temperature_k    [K]

    >>> round(noise_dbm(20e6, noise_figure_db=5.0), 2)
    -95.96
    """
    if not (bandwidth_hz > 0.0 and temperature_k > 0.0):
        raise ValueError(f"bandwidth_hz and temperature_k must be positive, got {bandwidth_hz} and {temperature_k}")
    return dbm(BOLTZMANN * temperature_k * bandwidth_hz) + noise_figure_db


def mean_snr(snr_db: float) -> float:
    """The linear SNR of a channel's knob `snr_db`; inf is a channel without noise. Raises ValueError for -inf and NaN."""
    if not snr_db > -math.inf:
        raise ValueError(f"snr_db must be a number above -inf, got {snr_db}")
    return linear(snr_db)


def doppler_hz(speed_mps: float, carrier_hz: float) -> float:
    """v f_c / c: the largest Doppler shift of a receiver that moves at `speed_mps` [m/s] [Hz] (phy.md 3.1).

    >>> round(doppler_hz(30.0 / 3.6, 3.5e9), 1)
    97.3
    """
    if not (speed_mps >= 0.0 and carrier_hz > 0.0):
        raise ValueError(f"speed_mps must not be negative and carrier_hz must be positive, got {speed_mps} and {carrier_hz}")
    return speed_mps * carrier_hz / LIGHT_M_PER_S
