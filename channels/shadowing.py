"""Log-normal shadowing that moves with the client: a function of place (phy.md 2.2)."""

import math
from collections import OrderedDict
from typing import NamedTuple

import numpy as np

from channels.blocks import stream

WAVES = 256  # in a field; the kurtosis of a value is 3 - 1.5/WAVES
KEPT = 1024  # fields remembered; 8 KiB each in two dimensions
FIELD = 11  # purpose of the random streams


class Field(NamedTuple):
    """The waves of one field: wave vectors [waves, dimensions], in radians per metre, and phases [waves], in radians."""

    vectors: np.ndarray
    phases: np.ndarray


class Shadowing:
    """A field of log-normal shadowing with Gudmundson's correlation e^(-distance / d_corr) (Electronics Letters 27(23), 1991).

    X(p) = sigma sqrt(2 / N) sum_n cos(k_n . p + u_n), u_n uniform, k_n = z_n / (|w_n| d_corr) with standard normal z_n (a
    vector) and w_n (a number). Such k_n have a Cauchy law, whose characteristic function is the correlation wanted: exactly,
    over links, in any number of dimensions. A value is a function of place, asked for in any order.

    sigma_db          standard deviation [dB]
    correlation_m     d_corr [m]
    dimensions        of a place: 2 or 3, or 1 for the way along a path
    site_correlation  correlation of one client's values towards different stations, 0.5 in 3GPP's models

    >>> field = Shadowing(sigma_db=4.0, correlation_m=10.0)
    >>> field.at([[0.0, 0.0], [3.0, 4.0]], key=1).shape
    (2,)
    """

    def __init__(self, sigma_db: float, correlation_m: float, dimensions: int = 2, site_correlation: float = 0.0) -> None:
        if not (0.0 <= sigma_db < math.inf and 0.0 < correlation_m < math.inf):
            raise ValueError(f"need 0 <= sigma_db < inf and 0 < correlation_m < inf, got {sigma_db} and {correlation_m}")
        if dimensions not in (1, 2, 3):
            raise ValueError(f"dimensions must be 1, 2 or 3, got {dimensions}")
        if not 0.0 <= site_correlation <= 1.0:
            raise ValueError(f"site_correlation must be in [0, 1], got {site_correlation}")
        self.sigma_db = sigma_db
        self.correlation_m = correlation_m
        self.dimensions = dimensions
        self.site_correlation = site_correlation
        self._fields: OrderedDict[int, Field] = OrderedDict()

    def at(self, places_m: np.ndarray | list[list[float]], key: int, client_key: int | None = None) -> np.ndarray:
        """Shadowing at `places_m` [places, dimensions] [m] of the link `key`, to be added to a path loss: [places] [dB].

        client_key  what all links of one client have in common; needed if `site_correlation` is not 0
        Raises ValueError for places of another shape, and if `client_key` is missing.
        """
        places = np.asarray(places_m, dtype=np.float64)
        if places.ndim != 2 or places.shape[1] != self.dimensions or not np.isfinite(places).all():
            raise ValueError(f"places_m must be finite, of shape [places, {self.dimensions}]; got shape {list(places.shape)}")
        own = self._values(places, key)
        if self.site_correlation == 0.0:
            return own
        if client_key is None:
            raise ValueError(f"site_correlation {self.site_correlation} needs client_key, which the links of a client share")
        common = self._values(places, client_key)
        return math.sqrt(self.site_correlation) * common + math.sqrt(1.0 - self.site_correlation) * own

    def _values(self, places: np.ndarray, key: int) -> np.ndarray:
        field = self._field(key)
        turns = places @ field.vectors.T + field.phases  # [places, waves]
        values: np.ndarray = self.sigma_db * math.sqrt(2.0 / WAVES) * np.cos(turns).sum(axis=-1)
        return values

    def _field(self, key: int) -> Field:
        known = self._fields.get(key)
        if known is not None:
            return known
        generator = stream(key, 0, FIELD)
        heavy = np.abs(generator.standard_normal((WAVES, 1))) * self.correlation_m
        vectors = generator.standard_normal((WAVES, self.dimensions)) / heavy
        if len(self._fields) >= KEPT:
            self._fields.popitem(last=False)  # the oldest
        self._fields[key] = Field(vectors, generator.uniform(0.0, 2.0 * math.pi, WAVES))
        return self._fields[key]


def moved(shadow_db: float, moved_m: float, sigma_db: float, correlation_m: float, normal: float) -> float:
    """S' = R S + sqrt(1 - R^2) sigma w, R = e^(-moved / d_corr): the value after a move, of the value before it [dB].

    normal  w, a standard normal number
    """
    if not (moved_m >= 0.0 and correlation_m > 0.0):
        raise ValueError(f"moved_m must not be negative and correlation_m must be positive, got {moved_m} and {correlation_m}")
    kept = math.exp(-moved_m / correlation_m)
    return kept * shadow_db + math.sqrt(-math.expm1(-2.0 * moved_m / correlation_m)) * sigma_db * normal
