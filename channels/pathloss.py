"""Path loss over distance: free space, log-distance, and the urban, office and factory models of 3GPP TR 38.901.

Distances and heights in metres, carrier in Hz, losses in dB. Sources: 38.901 V16.1, tables 7.4.1-1 (path loss), 7.4.2-1 (line
of sight), 7.4.3 (buildings), 7.5-6 (shadowing), as in phy.md 2.
"""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
LIGHT = 299_792_458.0  # [m/s], exact
LOW_M = 1.0  # usual effective height of what stands around a client of UMi and UMa
HIGHEST_M = 23.0  # of a client of UMi and UMa (38.901 table 7.4.2-1)
ABOVE_M = 13.0  # clients higher up see over some of it: UMa's line of sight and break point change (38.901 table 7.4.2-1)


class Place(NamedTuple):
    """Where the two ends are: horizontal and total distance [m], carrier [GHz], antenna heights of station and client [m].

    around  effective height of what stands around the client, for the break point of UMi and UMa [m]
    """

    flat: Array
    total: Array
    ghz: float
    station: float
    client: float
    around: float = LOW_M


class Model(NamedTuple):
    """A path-loss model.

    los, nlos        loss with and without a line of sight [dB]
    sight            probability of a line of sight
    sigma_db         standard deviation of the shadowing, (los, nlos) [dB]
    correlation_m    its correlation distance, (los, nlos) [m]
    station_m        usual height of the station's antenna [m]
    nearest_m        the model's least distance [m]; closer places count as this far
    tallest_m        greatest height of a client's antenna [m]
    crowded          what stands around a high client is drawn (UMa)
    """

    los: Callable[[Place], Array]
    nlos: Callable[[Place], Array]
    sight: Callable[[Place], Array]
    sigma_db: tuple[float, float]
    correlation_m: tuple[float, float]
    station_m: float
    nearest_m: float
    tallest_m: float = ABOVE_M
    crowded: bool = False


def free_space_db(distance_m: Array | float, carrier_hz: float) -> Array:
    """20 log10(4 pi d f / c) (Friis).

    >>> round(float(free_space_db(1.0, 5.15e9)), 2)
    46.68
    """
    return np.asarray(20.0 * np.log10(4.0 * math.pi * np.asarray(distance_m) * carrier_hz / LIGHT))


def log_distance_db(distance_m: Array | float, carrier_hz: float, exponent: float, reference_m: float = 1.0) -> Array:
    """Free space up to `reference_m`, then 10 n log10(d / reference_m) more, n the exponent (close-in model).

    Usual exponents: free space 2, urban 2.7 to 3.5, shadowed urban 3 to 5, line of sight indoors 1.6 to 1.8, obstructed indoors
    4 to 6, factory 2 to 3 (Rappaport, Wireless Communications).
    """
    beyond = 10.0 * exponent * np.log10(np.maximum(np.asarray(distance_m) / reference_m, 1.0))
    return np.asarray(free_space_db(np.minimum(distance_m, reference_m), carrier_hz) + beyond)


def building_db(carrier_hz: float, high_loss: bool = False) -> float:
    """Loss of an outer wall, glass and concrete in parallel, the distance indoors not included (38.901 table 7.4.3-2).

    >>> round(building_db(3.5e9), 2), round(building_db(3.5e9, high_loss=True), 2)
    (12.7, 26.85)
    """
    ghz = carrier_hz / 1e9
    concrete = 5.0 + 4.0 * ghz
    glass, share = (23.0 + 0.3 * ghz, 0.7) if high_loss else (2.0 + 0.2 * ghz, 0.3)
    through = share * 10.0 ** (-glass / 10.0) + (1.0 - share) * 10.0 ** (-concrete / 10.0)
    return 5.0 - 10.0 * math.log10(through)


def place(
    model: Model, distance_m: Array | float, carrier_hz: float, station_m: float, client_m: float, around_m: float = LOW_M
) -> Place:
    """The two ends at a horizontal distance. Raises ValueError for impossible heights, carriers and distances."""
    if not (0.0 < client_m <= model.tallest_m and station_m > 0.0 and carrier_hz > 0.0):
        given = f"{client_m}, {station_m}, {carrier_hz}"
        raise ValueError(f"need 0 < client_m <= {model.tallest_m}, station_m > 0 and carrier_hz > 0; got {given}")
    flat = np.asarray(distance_m, dtype=np.float64)
    if not (flat >= 0.0).all():
        raise ValueError(f"distance_m must not be negative or NaN, got {flat.min()}")
    flat = np.maximum(flat, model.nearest_m)
    total = np.hypot(flat, station_m - client_m)
    return Place(flat, np.maximum(total, 1.0), carrier_hz / 1e9, station_m, client_m, around_m)


def _urban(place: Place, near: tuple[float, float], far: float) -> Array:
    """Line of sight of UMi and UMa: a + b log d up to the break point, 40 log d beyond, continuous; `far` as in the table."""
    constant, slope = near
    break_m = 4.0 * (place.station - place.around) * (place.client - place.around) * place.ghz * 1e9 / LIGHT
    common = constant + 20.0 * math.log10(place.ghz)
    before = common + slope * np.log10(place.total)
    drop = place.station - place.client
    beyond = common + 40.0 * np.log10(place.total) - far * math.log10(max(break_m, 1e-9) ** 2 + drop**2)
    return np.where(place.flat <= break_m, before, beyond)


def _umi_los(place: Place) -> Array:
    return _urban(place, (32.4, 21.0), 9.5)


def _umi_nlos(place: Place) -> Array:
    hidden = 22.4 + 35.3 * np.log10(place.total) + 21.3 * math.log10(place.ghz) - 0.3 * (place.client - 1.5)
    return np.maximum(_umi_los(place), hidden)


def _uma_los(place: Place) -> Array:
    return _urban(place, (28.0, 22.0), 9.0)


def _uma_nlos(place: Place) -> Array:
    hidden = 13.54 + 39.08 * np.log10(place.total) + 20.0 * math.log10(place.ghz) - 0.6 * (place.client - 1.5)
    return np.maximum(_uma_los(place), hidden)


def _line(constant: float, slope: float, carrier: float) -> Callable[[Place], Array]:
    """constant + slope log10 d + carrier log10 f."""
    return lambda place: constant + slope * np.log10(place.total) + carrier * math.log10(place.ghz)


def _worst(*losses: Callable[[Place], Array]) -> Callable[[Place], Array]:
    return lambda place: np.max([loss(place) for loss in losses], axis=0)


def _urban_sight(scale: float) -> Callable[[Place], Array]:
    """18/d + e^(-d/scale) (1 - 18/d) beyond 18 m."""

    def sight(place: Place) -> Array:
        near = np.minimum(18.0 / place.flat, 1.0)
        return np.asarray(near + np.exp(-place.flat / scale) * (1.0 - near))

    return sight


def _uma_sight(place: Place) -> Array:
    """That of the street, times 1 + C for a client above 13 m."""
    return np.minimum(_urban_sight(63.0)(place) * (1.0 + _seen_over(place)), 1.0)


def _seen_over(place: Place) -> Array:
    """C = ((h - 13)/10)^1.5 5/4 (d/100)^3 e^(-d/150) beyond 18 m, for a client of height h above 13 m, otherwise 0."""
    high = max(place.client - ABOVE_M, 0.0) / 10.0
    far = np.where(place.flat > 18.0, 1.25 * (place.flat / 100.0) ** 3 * np.exp(-place.flat / 150.0), 0.0)
    return np.asarray(high**1.5 * far)


def environment_m(model: Model, place: Place, whether: float, which: float) -> float:
    """Effective height of what stands around the client [m], by two numbers uniform in [0, 1).

    Of UMa 1 m with probability 1/(1 + C), else one of 12, 15, ... up to 1.5 m below the client (38.901 table 7.4.1-1, note 1);
    12 m where even that is higher, which the table leaves open. Of other models 1 m.
    """
    if not model.crowded or whether * (1.0 + float(_seen_over(place))) < 1.0:
        return LOW_M
    heights = np.arange(12.0, max(place.client - 1.5, 12.0) + 1e-9, 3.0)
    return float(heights[int(which * len(heights))])


def _office_sight(near: float, first: float, second: float, last: float, share: float) -> Callable[[Place], Array]:
    """1 up to `near` metres, e^(-(d - near)/first) up to `second`, share e^(-(d - second)/last) beyond."""

    def sight(place: Place) -> Array:
        middle = np.exp(-(np.maximum(place.flat, near) - near) / first)
        far = share * np.exp(-(np.maximum(place.flat, second) - second) / last)
        return np.asarray(np.where(place.flat <= near, 1.0, np.where(place.flat <= second, middle, far)))

    return sight


def _factory_sight(clutter_m: float, density: float, clutter_height_m: float | None) -> Callable[[Place], Array]:
    """e^(-d/k), k = -clutter / ln(1 - density), times (station - client) / (clutter height - client) for a raised station."""

    def sight(place: Place) -> Array:
        k = -clutter_m / math.log1p(-density)
        if clutter_height_m is not None:
            k *= (place.station - place.client) / (clutter_height_m - place.client)
        return np.asarray(np.exp(-place.flat / k))

    return sight


_INH_LOS = _line(32.4, 17.3, 20.0)
_INH_NLOS = _worst(_INH_LOS, _line(17.3, 38.3, 24.9))
_INF_LOS = _line(31.84, 21.5, 19.0)
_INF_SL = _worst(_INF_LOS, _line(33.0, 25.5, 20.0))
_INF_DL = _worst(_INF_SL, _line(18.6, 35.7, 20.0))
_SPARSE, _DENSE, _CLUTTER_M = (10.0, 0.2), (2.0, 0.6), 2.0  # distance and share of the clutter, its height; table 7.8-7

MODELS: Mapping[str, Model] = {
    "umi": Model(_umi_los, _umi_nlos, _urban_sight(36.0), (4.0, 7.82), (10.0, 13.0), 10.0, 10.0, HIGHEST_M),
    "uma": Model(_uma_los, _uma_nlos, _uma_sight, (4.0, 6.0), (37.0, 50.0), 25.0, 10.0, HIGHEST_M, crowded=True),
    "inh_mixed": Model(_INH_LOS, _INH_NLOS, _office_sight(1.2, 4.7, 6.5, 32.6, 0.32), (3.0, 8.03), (10.0, 6.0), 3.0, 0.0),
    "inh_open": Model(_INH_LOS, _INH_NLOS, _office_sight(5.0, 70.8, 49.0, 211.7, 0.54), (3.0, 8.03), (10.0, 6.0), 3.0, 0.0),
    "inf_hh": Model(_INF_LOS, _INF_LOS, lambda place: np.ones_like(place.flat), (4.3, 4.3), (10.0, 10.0), 8.0, 0.0),
    "inf_sl": Model(_INF_LOS, _INF_SL, _factory_sight(*_SPARSE, None), (4.3, 5.7), (10.0, 10.0), 1.5, 0.0),
    "inf_dl": Model(_INF_LOS, _INF_DL, _factory_sight(*_DENSE, None), (4.3, 7.2), (10.0, 10.0), 1.5, 0.0),
    "inf_sh": Model(
        _INF_LOS,
        _worst(_INF_LOS, _line(32.4, 23.0, 20.0)),
        _factory_sight(*_SPARSE, _CLUTTER_M),
        (4.3, 5.9),
        (10.0, 10.0),
        8.0,
        0.0,
    ),
    "inf_dh": Model(
        _INF_LOS,
        _worst(_INF_LOS, _line(33.63, 21.9, 20.0)),
        _factory_sight(*_DENSE, _CLUTTER_M),
        (4.3, 4.0),
        (10.0, 10.0),
        8.0,
        0.0,
    ),
}
