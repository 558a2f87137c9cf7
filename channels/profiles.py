"""Tapped delay lines of 3GPP TR 38.901, tables 7.7.2-1 to 7.7.2-5, and what follows from them (phy.md 4)."""

import math
from typing import NamedTuple

import numpy as np

# Delay over the rms delay spread and power [dB] of each tap; of D and E the first is the direct path.
_TABLE: dict[str, tuple[str, str]] = {
    "A": (
        "0 .3819 .4025 .5868 .4610 .5375 .6708 .5750 .7618 1.5375 1.8978 2.2242 2.1718 2.4942 2.5119 3.0582 4.0810 4.4579 "
        "4.5695 4.7966 5.0066 5.3043 9.6586",
        "-13.4 0 -2.2 -4 -6 -8.2 -9.9 -10.5 -7.5 -15.9 -6.6 -16.7 -12.4 -15.2 -10.8 -11.3 -12.7 -16.2 -18.3 -18.9 -16.6 -19.9 "
        "-29.7",
    ),
    "B": (
        "0 .1072 .2155 .2095 .2870 .2986 .3752 .5055 .3681 .3697 .5700 .5283 1.1021 1.2756 1.5474 1.7842 2.0169 2.8294 3.0219 "
        "3.6187 4.1067 4.2790 4.7834",
        "0 -2.2 -4 -3.2 -9.8 -1.2 -3.4 -5.2 -7.6 -3 -8.9 -9 -4.8 -5.7 -7.5 -1.9 -7.6 -12.2 -9.8 -11.4 -14.9 -9.2 -11.3",
    ),
    "C": (
        "0 .2099 .2219 .2329 .2176 .6366 .6448 .6560 .6584 .7935 .8213 .9336 1.2285 1.3083 2.1704 2.7105 4.2589 4.6003 5.4902 "
        "5.6077 6.3065 6.6374 7.0427 8.6523",
        "-4.4 -1.2 -3.5 -5.2 -2.5 0 -2.2 -3.9 -7.4 -7.1 -10.7 -11.1 -5.1 -6.8 -8.7 -13.2 -13.9 -13.9 -15.8 -17.1 -16 -15.7 "
        "-21.6 -22.8",
    ),
    "D": (
        "0 0 .035 .612 1.363 1.405 1.804 2.596 1.775 4.042 7.937 9.424 9.708 12.525",
        "-0.2 -13.5 -18.8 -21 -22.8 -17.9 -20.1 -21.9 -22.9 -27.8 -23.6 -24.8 -30 -27.7",
    ),
    "E": (
        "0 0 .5133 .5440 .5630 .5440 .7112 1.9092 1.9293 1.9589 2.6426 3.7136 5.4524 12.0034 20.6519",
        "-0.03 -22.03 -15.8 -18.1 -19.8 -22.9 -22.4 -18.6 -20.8 -22.6 -22.3 -25.6 -20.2 -29.8 -29.2",
    ),
}
DIRECT = ("D", "E")


class Profile(NamedTuple):
    """A tapped delay line.

    delays  of the scattered taps over the rms delay spread, [taps]
    powers  of the scattered taps, [taps]; together with `direct` they sum to 1
    direct  power of the direct path, which has delay 0; 0 where there is none
    """

    delays: np.ndarray
    powers: np.ndarray
    direct: float

    @property
    def delay_spread(self) -> float:
        """Root mean square delay over its nominal value: 1 but for the rounding of the tables (0.994 for D)."""
        mean = float(np.dot(self.powers, self.delays))
        return math.sqrt(float(np.dot(self.powers, self.delays**2)) - mean**2)

    def frequency_correlation(self, spacing_hz: np.ndarray | float, delay_spread_s: float) -> np.ndarray:
        """E H(f) H*(f + spacing) = sum_n p_n e^(j 2 pi spacing tau_n), any shape [...]."""
        turns = np.multiply.outer(np.asarray(spacing_hz, dtype=np.float64), self.delays * delay_spread_s)
        correlation: np.ndarray = np.exp(2j * math.pi * turns) @ self.powers + self.direct
        return correlation


def profile(name: str) -> Profile:
    """The profile `A`, `B`, `C` (without a direct path), `D` or `E` (with one). Raises ValueError for another name.

    >>> round(float(profile("E").direct / profile("E").powers[0]), 1)  # 22 dB
    158.5
    """
    if name not in _TABLE:
        raise ValueError(f"profile must be one of {', '.join(_TABLE)}, got {name!r}")
    delays, powers_db = (np.array([float(number) for number in row.split()]) for row in _TABLE[name])
    powers = 10.0 ** (powers_db / 10.0)
    powers /= powers.sum()
    if name in DIRECT:
        return Profile(delays[1:], powers[1:], float(powers[0]))
    return Profile(delays, powers, 0.0)
